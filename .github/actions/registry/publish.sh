#!/usr/bin/env bash
# Publish what HEAD has and the published branch lacks (JOB=publish), or sign what is published
# again before it expires (JOB=resign), and push the branch.
#
# Takes REGISTRY (the checkout), JOB, ONLINE_KEY_URI, PUSH_TOKEN, RUNNER_TEMP, and the folders
# reports/ and bundles/ that the jobs before it left below RUNNER_TEMP.
set -euo pipefail
cd "$REGISTRY"
token=$PUSH_TOKEN
unset PUSH_TOKEN # only git's credential helper sees it

remote() {
  PUSH_TOKEN=$token git -c credential.helper= \
    -c credential.helper='!f() { echo username=x-access-token; echo "password=$PUSH_TOKEN"; }; f' "$@"
}

bring() { # the branch as the remote has it now, or none
  git update-ref -d refs/heads/published
  if [ -n "$(remote ls-remote origin refs/heads/published)" ]; then
    remote fetch --quiet origin refs/heads/published:refs/heads/published
  fi
}

git config user.name "mcpreg"
git config user.email "mcpreg@localhost"
for attempt in 1 2 3 4 5; do
  bring
  if [ "$JOB" = resign ]; then
    # What was published last: its commit of main is the last parent. New versions wait for a push.
    parents=$(git rev-list --parents --max-count 1 published)
    nothing=$(mktemp --directory)
    mcpreg ci publish --rev "${parents##* }" --reports "$nothing" --online-key "$ONLINE_KEY_URI"
  else
    mcpreg ci publish --rev HEAD --reports "$RUNNER_TEMP/reports" --bundles "$RUNNER_TEMP/bundles" --online-key "$ONLINE_KEY_URI"
  fi
  if remote push origin refs/heads/published:refs/heads/published; then
    exit 0
  fi
  echo "published moved meanwhile (attempt $attempt); again on top of it"
  sleep $((attempt * 5))
done
echo "::error::the published branch could not be pushed"
exit 1
