# common.sh: what `make demo`, `make test` and `make bench` share.
#
# From a fresh clone to a throwaway server that has tracer installed:
#
#   tracer_setup [test]   finds PostgreSQL, or installs it where the package
#                         manager is Debian's; sets PG_CONFIG, BINDIR, PGXS_DIR,
#                         PG_MAJOR
#   tracer_build          copies the tree to $WORK/src, builds it there, installs
#   tracer_start          starts a cluster in $WORK; sets PGHOST, PGPORT, PGUSER
#   tracer_stop           stops it
#
# What it touches: packages (installed if missing), the extension's own files in
# the server's directories, and $WORK, which goes away at the end. The cluster
# listens on a Unix socket in $WORK only, belongs to an unprivileged user, and
# has nothing to do with the clusters of the system.
#
# POSIX sh; sourced with TOP set to the root of the tree.

umask 022
export LC_ALL=C
unset PGDATABASE PGHOST PGHOSTADDR PGPORT PGUSER PGSERVICE PGOPTIONS PGDATA PGPASSWORD PGPASSFILE
unset MAKEFLAGS MFLAGS MAKELEVEL
MIN_MAJOR=15

if [ -t 1 ]; then BOLD=$(printf '\033[1m'); DIM=$(printf '\033[2m'); PLAIN=$(printf '\033[0m'); else BOLD= DIM= PLAIN=; fi

say()  { printf '%s\n' "$*"; }
step() { printf '%s==>%s %s\n' "$BOLD" "$PLAIN" "$*"; }
die()  { printf '%s\n' "$*" >&2; exit 1; }

# Runs a command as root.
as_root() {
    if [ "$(id -u)" = 0 ]; then
        "$@"
    elif command -v sudo >/dev/null 2>&1; then
        sudo "$@"
    else
        die "this needs root: $*
(run make as root, or install sudo)"
    fi
}

# Runs a command as the user who owns the cluster; the server refuses root.
as_server() {
    if [ "$(id -u)" != 0 ]; then
        "$@"
    elif command -v runuser >/dev/null 2>&1; then
        runuser -u "$RUN_USER" -- "$@"
    else
        die "runuser (util-linux) is missing: the server must not run as root"
    fi
}

# Runs a command that may take long, with its last line of output as progress.
# Shows all of its output if it fails.
quietly() {
    _log=$1; shift
    if "$@" >"$_log" 2>&1; then
        return 0
    else
        _rc=$?
        cat "$_log" >&2
        return $_rc
    fi
}

# The highest installed major version with a server, or nothing.
installed_major() {
    for _d in /usr/lib/postgresql/*/bin/postgres; do
        [ -x "$_d" ] || continue
        _n=${_d#/usr/lib/postgresql/}; _n=${_n%%/*}
        case $_n in *[!0-9]*) continue ;; esac
        [ "$_n" -ge $MIN_MAJOR ] && echo "$_n"
    done | sort -n | tail -1
}

# The major version that this Debian release offers: "15+248" -> 15.
offered_major() {
    apt-cache policy postgresql 2>/dev/null | sed -n 's/^ *Candidate: *\([0-9][0-9]*\).*/\1/p'
}

# Whether apt can install it; asks for the lists where there are none.
has_package() {
    apt-cache show "$1" >/dev/null 2>&1 && return 0
    ls /var/lib/apt/lists/*Packages* >/dev/null 2>&1 && return 1
    apt_update_once && apt-cache show "$1" >/dev/null 2>&1
}

apt_update_once() {
    [ -n "$APT_UPDATED" ] && return
    APT_UPDATED=1
    step "apt-get update"
    as_root env DEBIAN_FRONTEND=noninteractive apt-get -q update </dev/null 2>&1 | sed "s/^/    /" || true
}

apt_install() {
    apt_update_once
    step "installing $*"
    as_root env DEBIAN_FRONTEND=noninteractive apt-get install -y -q --no-install-recommends "$@" </dev/null 2>&1 | apt_progress
}

# apt's output: one line that moves on a terminal, the important ones elsewhere.
apt_progress() {
    if [ -t 1 ]; then
        while IFS= read -r _line; do
            case $_line in
                E:* | W:* | Err:*) printf '\r\033[K    %s\n' "$_line" ;;
                Get:* | Unpacking* | "Setting up"*) printf '\r\033[K    %.90s' "$_line" ;;
            esac
        done
        printf '\r\033[K'
    else
        grep -E --line-buffered '^(Need to get|Fetched|Setting up (postgresql|gcc|clang|valgrind|mmdebstrap)|E:|W:|Err:)' |
            cut -c1-96 | sed 's/^/    /'
    fi
}

# tracer_setup [test]: everything that is not tracer itself.
tracer_setup() {
    _for=$1
    APT_UPDATED=
    _apt=
    if command -v apt-get >/dev/null 2>&1 && command -v dpkg >/dev/null 2>&1; then _apt=1; fi
    _given=$PG_CONFIG

    if [ -z "$_given" ]; then
        _n=$(installed_major)
        if [ -z "$_n" ] && [ -z "$_apt" ]; then
            # Not Debian: whatever pg_config is in the path.
            PG_CONFIG=$(command -v pg_config || true)
        else
            if [ -z "$_n" ]; then
                apt_update_once
                _n=$(offered_major)
                [ -n "$_n" ] || die "apt offers no package named postgresql: is main in your apt sources?"
                [ "$_n" -ge $MIN_MAJOR ] || die "this release offers PostgreSQL $_n; tracer needs $MIN_MAJOR or later.
Add the repository of https://apt.postgresql.org, or set PG_CONFIG to the pg_config of another installation."
            fi
            PG_CONFIG=/usr/lib/postgresql/$_n/bin/pg_config
            PG_MAJOR=$_n
        fi
    else
        PG_CONFIG=$(command -v "$_given") || die "PG_CONFIG=$_given is no program"
    fi

    # What is missing, as packages of Debian and in words.
    _pkgs= _words=
    need() { _pkgs="$_pkgs $1"; _words="$_words
  - $2"; }

    if [ -z "$_given" ] && [ -n "$PG_MAJOR" ]; then
        [ -x "/usr/lib/postgresql/$PG_MAJOR/bin/postgres" ] || need "postgresql-$PG_MAJOR" "the PostgreSQL $PG_MAJOR server"
        [ -f "/usr/lib/postgresql/$PG_MAJOR/lib/pgxs/src/makefiles/pgxs.mk" ] ||
            need "postgresql-server-dev-$PG_MAJOR" "the server headers of PostgreSQL $PG_MAJOR"
    elif [ -z "$PG_CONFIG" ]; then
        need "postgresql" "a PostgreSQL server, version $MIN_MAJOR or later, with its pg_config (set PG_CONFIG)"
    else
        [ -x "$("$PG_CONFIG" --bindir)/postgres" ] || need "postgresql" "the server: no postgres in $("$PG_CONFIG" --bindir)"
        [ -f "$("$PG_CONFIG" --pgxs)" ] || need "postgresql-server-dev-all" "the server headers: no $("$PG_CONFIG" --pgxs)"
    fi
    # The one that the server was built with: PGXS takes no other.
    _cc=$("$PG_CONFIG" --cc 2>/dev/null) && _cc=${_cc%% *} || _cc=gcc
    command -v "$_cc" >/dev/null 2>&1 || need "${_cc#*-linux-gnu-}" "the C compiler $_cc"
    [ -f /usr/include/stdio.h ] || need libc6-dev "the headers of the C library"
    command -v make >/dev/null 2>&1 || need make "GNU make"
    { pkg-config --exists libcurl || curl-config --version; } >/dev/null 2>&1 ||
        need libcurl4-openssl-dev "the headers of libcurl"
    if [ "$_for" = test ]; then
        command -v prove >/dev/null 2>&1 || need perl "Perl with prove"
        perl -MIPC::Run -e 1 2>/dev/null || need libipc-run-perl "the Perl module IPC::Run"
        command -v python3 >/dev/null 2>&1 || need python3 "Python 3"
        { /usr/bin/python3 -c 'import aiosmtpd' || python3 -c 'import aiosmtpd'; } 2>/dev/null || need python3-aiosmtpd "the Python module aiosmtpd"
        command -v openssl >/dev/null 2>&1 || need openssl "openssl"
        [ -x /usr/sbin/nginx ] || command -v nginx >/dev/null 2>&1 || need nginx-light "nginx"
        # Tests are left out, and say so, where these are not to be had.
        if [ -n "$_apt" ]; then
            if [ -z "$_given" ] && [ -n "$PG_MAJOR" ] &&
               [ ! -f "/usr/share/postgresql/$PG_MAJOR/extension/pg_cron.control" ] && has_package "postgresql-$PG_MAJOR-cron"; then
                need "postgresql-$PG_MAJOR-cron" "the extension pg_cron for PostgreSQL $PG_MAJOR"
            fi
            command -v npm >/dev/null 2>&1 || need npm "npm"
            [ -f /usr/include/microhttpd.h ] || need libmicrohttpd-dev "libmicrohttpd"
            [ -f /usr/include/postgresql/libpq-fe.h ] || need libpq-dev "libpq"
            [ -f /usr/include/openssl/evp.h ] || need libssl-dev "OpenSSL"
            [ -f /usr/include/zlib.h ] || need zlib1g-dev "zlib"
            command -v curl >/dev/null 2>&1 || need curl "curl"
        fi
    fi

    if [ -n "$_pkgs" ]; then
        if [ -z "$_apt" ]; then
            die "missing on this machine:$_words
Install them with your package manager and try again; PG_CONFIG=/path/to/pg_config picks a PostgreSQL."
        fi
        # shellcheck disable=SC2086
        apt_install $_pkgs
    fi

    [ -x "$PG_CONFIG" ] || die "no pg_config at $PG_CONFIG: the package postgresql-server-dev-$PG_MAJOR did not install"
    BINDIR=$("$PG_CONFIG" --bindir)
    PGXS_MK=$("$PG_CONFIG" --pgxs)
    PGXS_DIR=${PGXS_MK%/src/makefiles/pgxs.mk}
    PG_MAJOR=$("$PG_CONFIG" --version | sed 's/^PostgreSQL \([0-9]*\).*/\1/')
    [ -x "$BINDIR/postgres" ] || die "no server in $BINDIR: package postgresql-$PG_MAJOR is missing"
    [ -f "$PGXS_MK" ] || die "no $PGXS_MK: package postgresql-server-dev-$PG_MAJOR is missing"
    [ "$PG_MAJOR" -ge $MIN_MAJOR ] || die "PostgreSQL $PG_MAJOR is too old: tracer needs $MIN_MAJOR or later"

    # The temporary folder has a short name: a socket's path must fit 107 bytes.
    if [ "$(id -u)" = 0 ]; then
        RUN_USER=postgres
        id postgres >/dev/null 2>&1 || RUN_USER=nobody
    else
        RUN_USER=$(id -un)
    fi
    WORK=$(mktemp -d /tmp/tracer.XXXXXX) || die "cannot make a folder in /tmp"
    trap 'tracer_cleanup' EXIT
    trap 'exit 129' HUP; trap 'exit 130' INT; trap 'exit 143' TERM
    mkdir "$WORK/src" "$WORK/out"
    [ "$(id -u)" = 0 ] && chown "$RUN_USER" "$WORK" "$WORK/out"
    chmod 755 "$WORK"
    PATH=$BINDIR:$PATH
    export PATH PG_CONFIG
}

tracer_cleanup() {
    _rc=$?
    trap - EXIT HUP INT TERM
    tracer_stop
    if [ -n "$WORK" ] && [ -z "$KEEP_WORK" ]; then rm -rf "$WORK"; fi
    exit $_rc
}

# Builds in a copy, so that a clone gets no files of root's and any user can
# read what the server needs of it.
tracer_build() {
    step "building for PostgreSQL $PG_MAJOR ($PG_CONFIG)"
    (cd "$TOP" && tar -cf - --exclude=./.git --exclude='*.o' --exclude='*.bc' --exclude='*.so' --exclude='*.d' \
        --exclude='./tracer--*.sql' --exclude=./tmp_check --exclude=./build --exclude=./dist --exclude=./contrib/gateway/build .) |
        tar -xf - -C "$WORK/src" --no-same-owner || die "cannot copy the tree"
    chmod -R u+w,a+rX "$WORK/src"
    quietly "$WORK/build.log" make -C "$WORK/src" all PG_CONFIG="$PG_CONFIG" with_llvm=no ${WERROR:+WERROR=1} \
        ${EXTRA_CFLAGS:+EXTRA_CFLAGS="$EXTRA_CFLAGS"} ${EXTRA_LIBS:+SHLIB_LINK="$EXTRA_LIBS"} || die "the build failed"
    grep -E 'warning:' "$WORK/build.log" && say "    (warnings above)"
    _inst="make -C $WORK/src install with_llvm=no"
    if [ -w "$("$PG_CONFIG" --pkglibdir)" ] && [ -w "$("$PG_CONFIG" --sharedir)/extension" ]; then
        quietly "$WORK/install.log" make -C "$WORK/src" install PG_CONFIG="$PG_CONFIG" with_llvm=no || die "the installation failed"
    else
        quietly "$WORK/install.log" as_root make -C "$WORK/src" install PG_CONFIG="$PG_CONFIG" with_llvm=no || die "the installation failed"
    fi
    [ "$(id -u)" = 0 ] && chown -R "$RUN_USER" "$WORK/src"
    return 0
}

# tracer_borrow PACKAGE PROGRAM: puts the programs of a Debian package into the
# path without installing it, because its service would start.
tracer_borrow() {
    command -v "$2" >/dev/null 2>&1 && return 0
    command -v apt-get >/dev/null 2>&1 || return 1
    mkdir -p "$WORK/borrowed" && chmod 777 "$WORK/borrowed"
    has_package "$1" || return 1
    (cd "$WORK/borrowed" && apt-get download -q "$1" && dpkg -x "$1"_*.deb .) >"$WORK/borrowed.log" 2>&1 || return 1
    PATH=$PATH:$WORK/borrowed/usr/bin:$WORK/borrowed/usr/sbin
    command -v "$2" >/dev/null 2>&1
}

# tracer_start [line of configuration ...]
tracer_start() {
    PGDATA_DIR=$WORK/data
    step "starting a throwaway cluster in $WORK"
    quietly "$WORK/out/initdb.log" as_server "$BINDIR/initdb" -D "$PGDATA_DIR" -U postgres -A trust -E UTF8 \
        --locale=C -N || die "initdb failed"
    {
        echo "listen_addresses = ''"
        echo "unix_socket_directories = '$WORK'"
        echo "port = 5432"
        echo "fsync = off"
        echo "max_prepared_transactions = 20"
        echo "timezone = 'UTC'"
        echo "log_timezone = 'UTC'"
        for _line in "$@"; do echo "$_line"; done
    } | as_server sh -c "cat >> '$PGDATA_DIR/postgresql.conf'"
    # shellcheck disable=SC2086
    as_server env $SERVER_ENV "$BINDIR/pg_ctl" -D "$PGDATA_DIR" -l "$WORK/out/server.log" -w -t 60 -s start ||
        { cat "$WORK/out/server.log" >&2; die "the server did not start"; }
    PGHOST=$WORK PGPORT=5432 PGUSER=postgres
    export PGHOST PGPORT PGUSER
}

tracer_stop() {
    if [ -n "$PGDATA_DIR" ] && [ -f "$PGDATA_DIR/postmaster.pid" ]; then
        [ -n "$KEEP_SERVER" ] ||
            as_server "$BINDIR/pg_ctl" -D "$PGDATA_DIR" -m immediate -s stop >/dev/null 2>&1 || true
    fi
}
