#!/usr/bin/env bash
# Publish what HEAD has and the published branch lacks (JOB=publish), or sign what is published
# again before it expires (JOB=resign), and push the branch. A version that cannot be published is left
# out and named on the job's page; then this ends with 1 after the others were pushed.
#
# Takes REGISTRY (the checkout), JOB, ONLINE_KEY_URI, PUSH_TOKEN, RUNNER_TEMP, and the folders
# reports/ and bundles/ that the jobs before it left below RUNNER_TEMP. GITHUB_STEP_SUMMARY is that page.
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

publish() { # what HEAD has; fails unless at most some versions were left out
  local code=0
  mcpreg ci publish --rev HEAD --reports "$RUNNER_TEMP/reports" --bundles "$RUNNER_TEMP/bundles" \
    --online-key "$ONLINE_KEY_URI" --left-out "$left_out" || code=$?
  [ "$code" = 0 ] || { [ "$code" = 1 ] && [ -s "$left_out" ]; } || exit "$code"
}

left_out=$RUNNER_TEMP/left-out.md
git config user.name "mcpreg"
git config user.email "mcpreg@localhost"
for attempt in 1 2 3 4 5; do
  bring
  rm --force "$left_out"
  if [ "$JOB" = resign ]; then
    # What was published last: its commit of main is the last parent. New versions wait for a push.
    parents=$(git rev-list --parents --max-count 1 published)
    mcpreg ci publish --rev "${parents##* }" --only-sign --online-key "$ONLINE_KEY_URI"
  else
    publish
  fi
  if remote push origin refs/heads/published:refs/heads/published; then
    [ -s "$left_out" ] || exit 0
    cat "$left_out" >> "${GITHUB_STEP_SUMMARY:-/dev/null}"
    echo "::error::some versions were left out; the others are published"
    exit 1
  fi
  echo "published moved meanwhile (attempt $attempt); again on top of it"
  sleep $((attempt * 5))
done
echo "::error::the published branch could not be pushed"
exit 1
