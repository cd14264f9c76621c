#!/bin/sh
# Installs what the comparison needs and the system lacks, with apt-get where root or sudo allows
# it. Further packages may be named as arguments: set-up.sh valgrind
set -eu

missing=
need() { # COMMAND PACKAGE
    command -v "$1" > /dev/null 2>&1 || missing="$missing $2"
}

# ip and strip may be in a folder that an ordinary user's PATH lacks.
PATH=$PATH:/usr/sbin:/sbin
need strace strace
need ip iproute2
need unshare util-linux
need setpriv util-linux
need ld.bfd binutils
for package; do
    case $package in
        chromedriver) need chromedriver chromium-driver ;;
        *)
            # Not every package has a command of its name.
            dpkg-query --show --showformat='${Status}' "$package" 2> /dev/null | grep -q ' installed$' ||
                need "$package" "$package"
            ;;
    esac
done
[ -n "$missing" ] || exit 0

if ! command -v apt-get > /dev/null 2>&1; then
    as_root=
elif [ "$(id -u)" = 0 ]; then
    as_root=env
elif command -v sudo > /dev/null 2>&1 && { [ -t 0 ] || sudo -n true 2> /dev/null; }; then
    as_root="sudo env"
else
    as_root=
fi
if [ -z "$as_root" ]; then
    echo "please install:$missing (as root: apt-get install$missing)" >&2
    exit 2
fi
echo "installing:$missing" >&2
# shellcheck disable=SC2086 # each word is a package or an argument
$as_root apt-get update -qq
# shellcheck disable=SC2086
$as_root DEBIAN_FRONTEND=noninteractive apt-get install -qq --no-install-recommends $missing > /dev/null
