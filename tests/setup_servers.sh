#!/usr/bin/env bash
# Installs the Debian packages whose programs the integration tests start by themselves, when it
# may (root, or sudo without a password). Where it may not, those tests are skipped and named.
# Nothing that is installed already is ever removed for it.
set -euo pipefail

own=$(dirname "$0")/../build/servers # what is unpacked here, not installed
as_root=()

may_install() {
    if ! command -v apt-get >/dev/null; then
        echo "not installed, and no apt-get here: $*"
        return 1
    fi
    [ "$(id -u)" -ne 0 ] || return 0
    if ! sudo -n true 2>/dev/null; then
        echo "not installed, and no right to install: $*"
        return 1
    fi
    as_root=(sudo -n)
}

# The tests start servers of their own on free ports: Debian's services stay down
# (policy-rc.d, see invoke-rc.d(8)), unless the machine has a policy already.
hold_services_down() {
    local policy=/usr/sbin/policy-rc.d
    [ ! -e "$policy" ] || return 0
    trap '"${as_root[@]}" rm -f /usr/sbin/policy-rc.d' EXIT
    printf '#!/bin/sh\nexit 101\n' | "${as_root[@]}" tee "$policy" >/dev/null
    "${as_root[@]}" chmod 755 "$policy"
}

install_packages() {
    may_install "$@" || return 0
    hold_services_down
    echo "installing for the tests: $*"
    local log
    log=$(mktemp)
    # --no-remove: mail servers conflict with each other; a package that would put out one that
    # is installed is not worth it.
    if ! { "${as_root[@]}" apt-get update -qq &&
        "${as_root[@]}" env DEBIAN_FRONTEND=noninteractive \
            apt-get install -y -qq --no-remove --no-install-recommends "$@"; } >"$log" 2>&1 </dev/null; then
        tail -n 5 "$log"
        echo "could not install: $*"
    fi
    rm -f "$log"
}

# Debian lets only one IMAP server be installed: `cyrus-imapd` conflicts with `dovecot-imapd`.
# Its library and master are in `cyrus-common`, which conflicts with nothing; so that one is
# installed, and `imapd` of the same version is unpacked beside the tests.
unpack_cyrus() {
    local version folder=$own/cyrus log
    if [ "$(dpkg-query -W -f '${db:Status-Status}' cyrus-imapd 2>/dev/null)" = installed ]; then
        rm -rf "$folder"
        return 0
    fi
    [ -x /usr/lib/cyrus/bin/master ] || return 0
    version=$(dpkg-query -W -f '${Version}' cyrus-common 2>/dev/null) || return 0
    [ "$(cat "$folder/version" 2>/dev/null)" != "$version" ] || return 0
    rm -rf "$folder"
    mkdir -p "$folder"
    log=$(mktemp)
    if (cd "$folder" && apt-get download -qq "cyrus-imapd=$version" && dpkg-deb -x ./*.deb . &&
        rm ./*.deb && echo "$version" >version) >"$log" 2>&1 </dev/null; then
        echo "unpacked for the tests: cyrus-imapd $version"
    else
        tail -n 5 "$log"
        echo "could not unpack: cyrus-imapd $version"
    fi
    rm -f "$log"
}

missing=()
[ -x /usr/sbin/dovecot ] && [ -x /usr/lib/dovecot/imap ] || missing+=(dovecot-imapd)
command -v initdb >/dev/null || compgen -G '/usr/lib/postgresql/*/bin/initdb' >/dev/null ||
    missing+=(postgresql)
command -v docker-compose >/dev/null || missing+=(docker-compose)
command -v redis-server >/dev/null || missing+=(redis-server)
command -v chromium >/dev/null || missing+=(chromium fonts-liberation)
[ ${#missing[@]} -eq 0 ] || install_packages "${missing[@]}"

missing=()
[ -x /usr/lib/cyrus/bin/master ] || missing+=(cyrus-common)
[ -x /usr/sbin/saslpasswd2 ] || missing+=(sasl2-bin)
# Debian's Cyrus wants a mail program; this one only forwards, and nothing runs.
[ ${#missing[@]} -eq 0 ] || [ -e /usr/sbin/sendmail ] || missing+=(msmtp-mta)
[ ${#missing[@]} -eq 0 ] || install_packages "${missing[@]}"
unpack_cyrus
