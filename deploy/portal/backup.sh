#!/bin/sh
# Writes a whole copy of a database into a folder, while the portal goes on, and keeps the newest copies:
#
#   backup.sh DATABASE FOLDER [OPTIONS-FILE]
#
# OPTIONS-FILE: of MariaDB's or MySQL's client, with [client] and user, password, host; without it, as whom the system says.
# KEEP (30): how many copies stay. What is printed is the name of the new one.
set -eu
umask 077

fail() {
    echo "backup: $*" >&2
    exit 1
}

[ $# -ge 2 ] && [ $# -le 3 ] || fail "usage: backup.sh DATABASE FOLDER [OPTIONS-FILE]"
database=$1 folder=$2 options=${3-} keep=${KEEP:-30}
case $database in '' | *[!A-Za-z0-9_]*) fail "$database is not the name of a database" ;; esac
dump=$(command -v mariadb-dump || command -v mysqldump) || fail "mariadb-dump is missing: apt install mariadb-client"

mkdir -p "$folder"
copy=$folder/$database-$(date -u +%Y%m%dT%H%M%SZ).sql
trap 'rm -f "$copy.part" "$copy.part.gz"' EXIT

# One transaction sees everything as it was at one moment, and locks nobody out.
"$dump" ${options:+"--defaults-extra-file=$options"} --single-transaction --quick --skip-lock-tables --no-tablespaces \
    --hex-blob --default-character-set=utf8mb4 --result-file="$copy.part" "$database"
tail -n 1 "$copy.part" | grep -q '^-- Dump completed' || fail "the copy has no end"
gzip -n "$copy.part"
[ ! -e "$copy.gz" ] || fail "$copy.gz is there already"
sync "$copy.part.gz"
mv "$copy.part.gz" "$copy.gz"
echo "$copy.gz"

ls -1 "$folder/$database"-????????T??????Z.sql.gz | sort | head -n "-$keep" | while read -r old; do rm -- "$old"; done
