#!/usr/bin/env bash
# Deploy the site to a bucket. Nobody keeps a key for it: the run's own identity is exchanged for a
# role's credentials, which end within the hour.
#
# Takes TARGET (s3://BUCKET/PREFIX), AWS_ROLE_ARN, AWS_REGION, DISTRIBUTION (CloudFront's, or
# nothing), RUNNER_TEMP with the folder site/, and what GitHub gives a job with `id-token: write`.
set -euo pipefail
case "$TARGET" in
  s3://?*) ;;
  *)
    echo "::error::the site's address is no bucket: s3://BUCKET/PREFIX" >&2
    exit 1
    ;;
esac
if [ -z "${ACTIONS_ID_TOKEN_REQUEST_URL:-}" ]; then
  echo "::error::the job has no identity: it needs the permission id-token: write" >&2
  exit 1
fi

umask 077
identity=$RUNNER_TEMP/identity
trap 'rm -f "$identity"' EXIT
# The request's own token goes by standard input: a command line can be read by every process.
printf 'header = "Authorization: Bearer %s"\n' "$ACTIONS_ID_TOKEN_REQUEST_TOKEN" \
  | curl --fail --silent --show-error --proto =https --retry 3 --max-filesize 65536 --config - \
    "$ACTIONS_ID_TOKEN_REQUEST_URL&audience=sts.amazonaws.com" \
  | python3 -c 'import json, sys; sys.stdout.write(json.load(sys.stdin)["value"])' > "$identity"
unset ACTIONS_ID_TOKEN_REQUEST_TOKEN ACTIONS_ID_TOKEN_REQUEST_URL

export AWS_WEB_IDENTITY_TOKEN_FILE=$identity AWS_ROLE_SESSION_NAME=mcpreg-deploy
mcpreg-site deploy "$TARGET" --site "$RUNNER_TEMP/site" --wait 600 \
  ${DISTRIBUTION:+--no-compress --cloudfront-distribution "$DISTRIBUTION"}
