#!/bin/sh
# agentd from a shell: one line of JSON per request, sent with netcat.
#
#   AGENTD_SOCKET_PATH=~/.agentd/agentd.sock sh examples/shell_client.sh
#
# It locks a file, shows that a second worker is refused, releases the lock, and then sends several
# requests over one connection. Each connection closes its sending half after the last request and
# still gets every answer. Needs a netcat that knows Unix sockets: `apt install netcat-openbsd`;
# the one of macOS does.
set -eu

socket=${AGENTD_SOCKET_PATH:-$HOME/.agentd/agentd.sock}
key="file:docs/shell-example-$$.md"

fail() {
  echo "failed: $*" >&2
  exit 1
}

command -v nc >/dev/null 2>&1 || {
  echo "this example needs nc (netcat); install it, for example: apt install netcat-openbsd" >&2
  exit 69
}
help=$(nc -h 2>&1 || true)
case $help in
  *-U*) ;;
  *)
    echo "the nc on this machine cannot connect to Unix sockets; install: netcat-openbsd" >&2
    exit 69
    ;;
esac
# OpenBSD's nc closes its sending half at the end of its input only when told to; that of macOS
# always does, and knows no -N.
case $(uname -s) in
  Darwin) half_close= ;;
  *) half_close=-N ;;
esac

[ -S "$socket" ] || fail "there is no socket at $socket; start the daemon with: agentd"

# Sends the lines of its standard input, prints the lines of the answers.
talk() {
  nc $half_close -U "$socket"
}

# A string member of an answer. Good enough for ids; with jq installed, use jq.
member() {
  sed -n "s/.*\"$1\":\"\([^\"]*\)\".*/\1/p"
}

echo "Is the daemon there?"
health=$(printf '%s\n' '{"id":1,"method":"Health","params":{}}' | talk) || fail "nc: $health"
echo "  $health"
[ "$(printf '%s' "$health" | member status)" = ok ] || fail "Health is not ok"

echo "Lock $key"
granted=$(printf '%s\n' '{"id":2,"method":"AcquireResourceLock","params":{"resource_key":"'"$key"'","owner":"shell-a","provider":"shell","ttl_secs":60,"metadata":{"intent":"edit"}}}' | talk)
echo "  $granted"
lease=$(printf '%s' "$granted" | member lease_id)
[ -n "$lease" ] || fail "the lock was not granted"

echo "A second worker asks for it, and is answered null:"
denied=$(printf '%s\n' '{"id":3,"method":"AcquireResourceLock","params":{"resource_key":"'"$key"'","owner":"shell-b","provider":"shell"}}' | talk)
echo "  $denied"
[ "$denied" = '{"id":3,"result":null}' ] || fail "the second worker should get null"

echo "Release it, and ask for what is locked now, over one connection:"
answers=$(
  printf '%s\n' \
    '{"id":4,"method":"ReleaseResourceLock","params":{"resource_key":"'"$key"'","lease_id":"'"$lease"'"}}' \
    '{"id":5,"method":"ListResourceLocks","params":{"prefix":"'"$key"'"}}' | talk
)
printf '%s\n' "$answers" | sed 's/^/  /'
printf '%s\n' "$answers" | grep -q '^{"id":4,"result":{"ok":true}}$' || fail "not released"
printf '%s\n' "$answers" | grep -q '^{"id":5,"result":{"locks":\[\]}}$' || fail "still locked"

# A request that was laid out over several lines has to be put on one.
echo "A request from several lines, put on one:"
laid_out='{
  "id": 6,
  "method": "ListEvents",
  "params": {"resource_key": "'"$key"'", "action_types": ["lock.released"]}
}'
event=$(printf '%s' "$laid_out" | tr -d '\n' | { cat; echo; } | talk)
echo "  $event"
[ "$(printf '%s' "$event" | member action_type)" = lock.released ] || fail "no event of the release"
echo "done"
