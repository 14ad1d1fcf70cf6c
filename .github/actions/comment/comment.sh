#!/usr/bin/env bash
# Post FILE as the one comment of the pull request whose head is HEAD (owner:branch) at HEAD_SHA.
#
# Takes REPOSITORY (owner/name) and GH_TOKEN. FILE was made where a stranger's server ran, so it is
# posted only if it is small and looks like ours; it is text in a comment and nothing else.
set -euo pipefail
file=$1
marker="<!-- mcpreg: checks -->"
max_bytes=65000 # a comment holds 65,536 characters

stop() {
  echo "::error::$1"
  exit 1
}

[ -f "$file" ] && [ ! -L "$file" ] || stop "the run left no comment"
[ "$(stat --format %s "$file")" -le "$max_bytes" ] || stop "the comment is too long"
[ "$(head --lines 1 "$file")" = "$marker" ] || stop "this is no comment of ours"

number=$(gh api --method GET "repos/$REPOSITORY/pulls" -f state=open -f "head=$HEAD" \
  | jq --raw-output --arg sha "$HEAD_SHA" '[.[] | select(.head.sha == $sha) | .number][0] // empty')
if [ -z "$number" ]; then
  echo "the pull request has moved on, or is closed"
  exit 0
fi
earlier=$(gh api --paginate "repos/$REPOSITORY/issues/$number/comments" \
  | jq --raw-output --slurp --arg marker "$marker" \
    '[.[][] | select(.user.login == "github-actions[bot]" and (.body | startswith($marker))) | .id][0] // empty')
if [ -n "$earlier" ]; then
  gh api --silent --method PATCH "repos/$REPOSITORY/issues/comments/$earlier" -F "body=@$file"
else
  gh api --silent --method POST "repos/$REPOSITORY/issues/$number/comments" -F "body=@$file"
fi
