#!/bin/sh
# Make the secrets of compose.yml in secrets/. Files that exist are kept.
set -eu
cd "$(dirname "$0")/.."
umask 077
mkdir -p secrets

random() {
    head -c 32 /dev/urandom | od -An -tx1 | tr -d ' \n'
}

# The containers' users must be able to read the files; the folder keeps everyone else out.
make() {
    [ -e "secrets/$1" ] && return
    printf %s "$2" >"secrets/$1"
    chmod 644 "secrets/$1"
    echo "Made secrets/$1"
}

make secret_key "$(random)"
make database_password "$(random)"
make database_url "postgres://rollcall:$(cat secrets/database_password)@database:5432/rollcall"
