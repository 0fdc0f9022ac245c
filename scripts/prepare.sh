#!/bin/sh
# Installs what is missing on this machine, and nothing else.
#
#   scripts/prepare.sh build     a C compiler (for ring) and make; exit 1 when they or Rust are missing and cannot be had
#   scripts/prepare.sh models    pip and npm, only while model files are missing; exit 0 in any case, for
#                                scripts/models.sh says what it lacks
#
# It installs with apt-get, as root or with a sudo that asks nothing; elsewhere it says what to install.
set -eu

cd "$(dirname "$0")/.."
packages=

have() { command -v "$1" >/dev/null 2>&1; }
need() { packages="$packages $*"; }

# as_root COMMAND..: fails where we may not.
as_root() {
    if [ "$(id -u)" = 0 ]; then "$@"
    elif have sudo && sudo -n true 2>/dev/null; then sudo -n "$@"
    else return 1
    fi
}

install() {
    if ! have apt-get; then
        echo "prepare: missing on this machine:$packages (the names are Debian's)" >&2
        return 1
    fi
    echo "prepare: installing$packages"
    # shellcheck disable=SC2086 # a list of names
    if as_root env DEBIAN_FRONTEND=noninteractive apt-get update -qq \
        && as_root env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends $packages >/dev/null
    then
        return 0
    fi
    echo "prepare: could not install; please run: apt-get install$packages" >&2
    return 1
}

case "${1:-}" in
    build)
        have cc || need gcc libc6-dev
        have make || need make
        if [ -n "$packages" ]; then install || exit 1; fi
        if ! have cargo; then
            echo "prepare: Rust is missing. Version 1.95 or newer: https://rustup.rs" >&2
            exit 1
        fi
        ;;
    models)
        missing=no
        for path in $(awk '$2 !~ /^models\/dl\// { print $2 }' models.sha256); do
            [ -f "$path" ] || missing=yes
        done
        [ "$missing" = yes ] || exit 0
        have python3 || need python3
        python3 -m pip --version >/dev/null 2>&1 || need python3-pip
        have npm || need npm
        if [ -n "$packages" ]; then install || true; fi
        ;;
    *)
        echo "usage: scripts/prepare.sh build|models" >&2
        exit 2
        ;;
esac
