#!/bin/sh
# Compares programs, and notes what each was made of when all its scenarios passed.
#   compare.sh [NAME…]    these, or all
#   compare.sh --changed  those that are not what they were when they passed: first what was edited last, and no more
#                         than takes seconds
# A program is made of the machine code of both twins and of its scenarios. So a change in a shared file concerns the
# programs whose code it changes, and a comment none. The tool that compares is not part of it: it has tests of its own.
set -eu
cd "$(dirname "$0")/.."
PATH=$PATH:/usr/sbin:/sbin
notes=target/compared
limit=60 # scenarios
mkdir -p "$notes"

programs() { # those edited last come first
    ls -t c-reference/*.c src/bin/*.rs tests/scenarios/*.toml | sed 's,.*/,,; s,\..*,,' | awk '!seen[$0]++' |
        while read -r name; do
            [ ! -e "src/bin/$name.rs" ] || echo "$name"
        done
}

scenarios() { # NAME
    file=tests/scenarios/$1.toml
    cat "$file"
    for shared in $(grep -o 'shared/[a-z_]*\.toml' "$file"); do
        cat "tests/scenarios/$shared"
    done
}

made_of() { # NAME
    for twin in "target/c-reference/$1" "target/release/$1"; do
        strip --strip-all --remove-section=.note.gnu.build-id -o "$notes/stripped.$$" "$twin"
        sha256sum < "$notes/stripped.$$"
    done
    rm "$notes/stripped.$$"
    scenarios "$1" | sha256sum
}

compare() { # NAME…
    for name; do
        made_of "$name" > "$notes/$name.new"
    done
    # shellcheck disable=SC2086 # a command and its arguments
    $MIRROR compare "$@"
    for name; do
        mv "$notes/$name.new" "$notes/$name"
    done
}

if [ "${1-}" != --changed ]; then
    # shellcheck disable=SC2046 # each word is a name, here and below
    [ $# != 0 ] || set -- $(programs)
    compare "$@"
    exit
fi

now='' later='' same=0 sum=0
for name in $(programs); do
    if [ -e "$notes/$name" ] && made_of "$name" | cmp -s - "$notes/$name"; then
        same=$((same + 1))
        continue
    fi
    sum=$((sum + $(scenarios "$name" | grep -c '^\[\[scenario\]\]')))
    if [ -z "$now" ] || [ $sum -le $limit ]; then
        now="$now $name"
    else
        later="$later $name"
    fi
done
# shellcheck disable=SC2086
[ -z "$now" ] || compare $now
[ $same = 0 ] || echo "not compared: $same programs that are what they were when all their scenarios passed"
[ -z "$later" ] || echo "not compared, since this takes longer: make compare PROGRAM=\"${later# }\""
