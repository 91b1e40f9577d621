#!/bin/sh
# Reads a copy that backup.sh wrote into an empty database:
#
#   restore.sh DATABASE FILE [OPTIONS-FILE]
#
# OPTIONS-FILE: as for backup.sh. A database with anything in it is left as it is.
set -eu

fail() {
    echo "restore: $*" >&2
    exit 1
}

[ $# -ge 2 ] && [ $# -le 3 ] || fail "usage: restore.sh DATABASE FILE [OPTIONS-FILE]"
database=$1 file=$2 options=${3-}
case $database in '' | *[!A-Za-z0-9_]*) fail "$database is not the name of a database" ;; esac
program=$(command -v mariadb || command -v mysql) || fail "mariadb is missing: apt install mariadb-client"
client() { "$program" ${options:+"--defaults-extra-file=$options"} --default-character-set=utf8mb4 --batch --skip-column-names "$@"; }

gzip -t -- "$file" || fail "$file is damaged"
gunzip -c -- "$file" | tail -n 1 | grep -q '^-- Dump completed' || fail "$file has no end"
tables=$(client -e "select count(*) from information_schema.tables where table_schema = '$database'") || fail "the database does not answer"
[ "$tables" -eq 0 ] || fail "$database is not empty: make a new one, or drop what is there"
client -e "use $database" || fail "there is no database $database"

# The first line that newer programs write (sandbox mode) is nothing to older ones.
gunzip -c -- "$file" | LC_ALL=C sed '1{/^[/][*]M!999999/d}' | client "$database"
echo "restored: $(client -e "select version_num from $database.alembic_version" "$database") is the revision of its tables"
