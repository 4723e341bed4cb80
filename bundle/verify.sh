#!/bin/bash
# Proves this evidence package without the program that made it.
#
#   ./verify.sh VKEY        in the root of the package
#
# VKEY is the dock's verifier key, <authority>/<log>+<8 hex digits>+<base64>.
# Take it from the authority, never from whoever handed over the package.
# Needs bash, coreutils, grep, sed, xxd and openssl 3; no network.
# Exit: 0 all of it is proved, 1 something is not, 2 not run as above.
set -euo pipefail
export LC_ALL=C
shopt -s globstar dotglob nullglob
refuse() {
  printf 'verify.sh: %s\n' "$1" >&2
  false
  exit
}

# Part one: the files are those the two BagIt manifests list, and no others.
sums() {
  local i
  for ((i = 1; i <= $#; i += 500)); do sha256sum -- "${@:i:500}"; done
}
payload=() tags=()
for f in **/*; do
  [[ ! -L $f ]] || refuse "$f is a symbolic link; a package has none"
  [[ ! -d $f ]] || continue
  [[ -f $f && $f =~ ^[A-Za-z0-9._/-]+$ ]] || refuse "a file is not of a package: ${f@Q}"
  case $f in
    tagmanifest-sha256.txt) ;;
    data/*/*/*) refuse "$f is not a file of a package" ;;
    data/*/*) payload+=("$f") ;;
    bagit.txt | bag-info.txt | manifest-sha256.txt | VERIFY.md | verify.sh) tags+=("$f") ;;
    entries/*/* | proofs/*/* | records/*/*) refuse "$f is not a file of a package" ;;
    entries/*.json | records/*.json | proofs/*.tlog-proof) tags+=("$f") ;;
    *) refuse "$f is not a file of a package" ;;
  esac
done
[[ -f manifest-sha256.txt && -f tagmanifest-sha256.txt && ${#payload[@]} -gt 0 ]] ||
  refuse "this folder is not an evidence package; change into the root of one first"
if [[ $(sums "${tags[@]}" | sort -k 2 | sha256sum) != "$(sha256sum <tagmanifest-sha256.txt)" ]]; then
  refuse "a file differs from tagmanifest-sha256.txt, or that list does; look with: sha256sum -c tagmanifest-sha256.txt"
fi
if [[ $(sums "${payload[@]}" | sort -k 2 | sha256sum) != "$(sha256sum <manifest-sha256.txt)" ]]; then
  refuse "a file below data differs from manifest-sha256.txt; look with: sha256sum -c manifest-sha256.txt"
fi

# unbase64 TEXT: sets hex to what the base64 text says. Starting programs is
# what takes the time here, so that bash does it.
declare -A digit=()
alphabet=ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/
for ((i = 0; i < 64; i++)); do digit[${alphabet:i:1}]=$i; done
digit[=]=0
hex=
unbase64() {
  local i group
  hex=
  for ((i = 0; i < ${#1}; i += 4)); do
    printf -v group %06x $((digit[${1:i:1}] << 18 | digit[${1:i+1:1}] << 12 | digit[${1:i+2:1}] << 6 | digit[${1:i+3:1}]))
    hex+=$group
  done
  [[ $1 != *= ]] || hex=${hex:0:-2}
}

# Part two: the verifier key. Its first byte says Ed25519; its 8 hex digits are
# the start of SHA-256 over the name, a newline and the 33 bytes.
vkey='^([^+[:space:]]+/([a-z][a-z0-9]{2,15}))\+([0-9a-f]{8})\+([A-Za-z0-9+/]{44})$'
if [[ $# -ne 1 || ! $1 =~ $vkey ]]; then
  printf 'verify.sh: say the verifier key: ./verify.sh AUTHORITY/LOG+xxxxxxxx+BASE64\n' >&2
  exit 2
fi
origin=${BASH_REMATCH[1]} log=${BASH_REMATCH[2]} keyid=${BASH_REMATCH[3]}
unbase64 "${BASH_REMATCH[4]}"
key=$hex
[[ $key == 01* ]] || refuse "the verifier key is not an Ed25519 key"
id=$({ printf '%s\n' "$origin"; printf %s "$key" | xxd -r -p; } | sha256sum)
[[ ${id:0:8} == "$keyid" ]] || refuse "the verifier key is mistyped: its parts do not fit together"
tmp=$(mktemp -d)
trap 'rm -rf -- "$tmp"' EXIT
printf '302a300506032b6570032100%s' "${key:2}" | xxd -r -p >"$tmp/key"

# signed TEXT SIGNATURE...: one signature line is the key's, over TEXT.
declare -A signed_before=()
signed() {
  local text=$1 line raw ok=
  shift
  for line; do
    [[ $line =~ ^$'\xe2\x80\x94'\ ([^[:space:]]+)\ ([A-Za-z0-9+/]+=*)$ ]] || return 1
    [[ ${BASH_REMATCH[1]} == "$origin" ]] || continue
    [[ ${BASH_REMATCH[2]} =~ ^[A-Za-z0-9+/]{90}[AEIMQUYcgkosw048]=$ ]] || continue
    unbase64 "$BASH_REMATCH"
    raw=$hex
    [[ ${raw:0:8} == "$keyid" ]] || continue
    if [[ -z ${signed_before["$text$raw"]-} ]]; then
      printf %s "$text" >"$tmp/text"
      printf %s "${raw:8}" | xxd -r -p >"$tmp/signature"
      openssl pkeyutl -verify -pubin -keyform DER -inkey "$tmp/key" -rawin \
        -in "$tmp/text" -sigfile "$tmp/signature" >/dev/null 2>&1 || return 1
      signed_before["$text$raw"]=yes
    fi
    ok=yes
  done
  [[ -n $ok ]]
}

# proved FILE INDEX LEAF: FILE is a C2SP tlog-proof that the entry whose leaf
# hash is LEAF (hex) stands at INDEX below a checkpoint signed by the key.
# RFC 9162, 2.1.3.2 is the walk from leaf to root.
declare -A node=()
above() { # LEFT RIGHT: sets hex to the hash over both
  if [[ -z ${node[$1$2]-} ]]; then
    hex=$(printf '01%s%s' "$1" "$2" | xxd -r -p | sha256sum)
    node[$1$2]=${hex:0:64}
  fi
  hex=${node[$1$2]}
}
b32='^[A-Za-z0-9+/]{42}[AEIMQUYcgkosw048]=$'
number='^(0|[1-9][0-9]{0,17})$'
proved() {
  local lines i=2 fn=$2 sn r=$3 text p
  mapfile -t lines <"$1"
  # Written again it must be the same bytes: nothing unseen hides in it.
  [[ $(printf '%s\n' "${lines[@]}" | sha256sum) == "$(sha256sum <"$1")" ]] || return 1
  [[ ${lines[0]} == c2sp.org/tlog-proof@v1 && ${lines[1]} == "index $fn" ]] || return 1
  while [[ ${lines[i]-} =~ $b32 ]]; do i=$((i + 1)); done
  local end=$i
  [[ ${#lines[@]} -ge $((end + 6)) && -z ${lines[end]} && ${lines[end + 1]} == "$origin" ]] || return 1
  [[ ${lines[end + 2]} =~ $number && ${lines[end + 3]} =~ $b32 && -z ${lines[end + 4]} ]] || return 1
  printf -v text '%s\n' "${lines[@]:end+1:3}"
  signed "$text" "${lines[@]:end+5}" || return 1
  size=${lines[end + 2]}
  sn=$((size - 1))
  [[ $fn -le $sn ]] || return 1
  for ((i = 2; i < end; i++)); do
    unbase64 "${lines[i]}"
    p=$hex
    [[ $sn -gt 0 ]] || return 1
    if ((fn % 2 == 1 || fn == sn)); then
      above "$p" "$r"
      while ((fn % 2 == 0 && fn > 0)); do fn=$((fn / 2)) sn=$((sn / 2)); done
    else
      above "$r" "$p"
    fi
    r=$hex fn=$((fn / 2)) sn=$((sn / 2))
  done
  unbase64 "${lines[end + 3]}"
  [[ $sn -eq 0 && $r == "$hex" ]]
}

# Part three: every entry is one line of the JSON that the log allows, and its
# proof holds. Objects are at most one level deep, so without them what is left
# has each name once; inside a string a quote always follows a backslash.
string='"([^"\\]|\\.)*"'
value="($string|-?[0-9]+|true|false)"
object="\\{($string:$value(,$string:$value)*)?\\}"
member="$string:($value|$object)"
entry= flat= leaf= size= value_of=
load() {
  entry=$(<"$1")
  [[ ${#entry} -le 4096 && ${#entry} -eq $(stat -c %s -- "$1") && $entry != *$'\n'* ]] || refuse "$1 is not one entry"
  grep -aqxE "\\{$member(,$member)*\\}" "$1" || refuse "$1 is not an entry of a log"
  flat=$(printf '%s\n' "$entry" | sed -E "s/:$object/:{}/g")
  leaf=$({ printf '\0'; printf %s "$entry"; } | sha256sum)
  leaf=${leaf:0:64}
}
# field NAME: sets value_of to a simple value of the entry, empty without one.
field() {
  value_of=
  [[ ! $flat =~ [{,]\"$1\":\"?([A-Za-z0-9._-]*)\"?[,}] ]] || value_of=${BASH_REMATCH[1]}
}
declare -A type=() leaves=() digest=() bytes=() record=() about=() about_leaf=() erased=()
for f in entries/*; do
  name=${f#entries/} name=${name%.json} n=${name#"$log-"}
  [[ $name == "$log-$n" && $n =~ $number ]] || refuse "$f is not of the log $log"
  load "$f"
  field log; [[ $value_of == "$log" ]] || refuse "$f is of another log"
  field n; [[ $value_of == "$n" ]] || refuse "$f is another entry"
  [[ -f proofs/$name.tlog-proof ]] || refuse "proofs/$name.tlog-proof is missing"
  proved "proofs/$name.tlog-proof" "$n" "$leaf" ||
    refuse "proofs/$name.tlog-proof does not prove entry $n under this key"
  leaves[$name]=$leaf
  field type; type[$name]=$value_of
  field record; record[$name]=$value_of
  field sha256; digest[$name]=$value_of
  field size; bytes[$name]=$value_of
  field clip; about[$name]=$value_of
  field leaf; about_leaf[$name]=$value_of
  target="\"target\":\\{([^{}]*,)?\"log\":\"$log\",\"n\":([0-9]+)[,}]"
  if [[ ${type[$name]} == record.erased && $entry =~ $target ]]; then
    about[$name]=
    erased[$log-${BASH_REMATCH[2]}]=$name
  fi
done

# Part four: entry by entry, what it says is what the package holds.
clips=0
for name in "${!type[@]}"; do
  case ${type[$name]} in
    clip.ingested)
      files=("data/$name/"*)
      [[ ${#files[@]} -eq 1 ]] || refuse "data/$name must hold one file"
      sum=$(sha256sum <"${files[0]}")
      [[ ${sum:0:64} == "${digest[$name]}" ]] || refuse "${files[0]} is not what clip $name was when it was recorded"
      [[ $(stat -c %s -- "${files[0]}") == "${bytes[$name]}" ]] || refuse "${files[0]} has another size than clip $name"
      clips=$((clips + 1))
      ;;
    record.erased) ;;
    *)
      of=${about[$name]}
      [[ -n $of && ${type[$of]-} == clip.ingested ]] || refuse "entries/$name.json is about no clip of this package"
      [[ -z ${about_leaf[$name]} || ${about_leaf[$name]} == "${leaves[$of]}" ]] || refuse "entries/$name.json is about another $of"
      ;;
  esac
  if [[ -f records/$name.json ]]; then
    sum=$(sha256sum <"records/$name.json")
    [[ ${sum:0:64} == "${record[$name]}" ]] || refuse "records/$name.json is not the record of its entry"
  elif [[ -n ${record[$name]} && -z ${erased[$name]-} ]]; then
    refuse "records/$name.json is missing and no entry says that it was erased"
  fi
done
for name in "${!erased[@]}"; do
  [[ -n ${type[$name]-} ]] || refuse "entries/${erased[$name]}.json is about no entry of this package"
done
for f in data/* proofs/* records/*; do
  name=${f#*/} name=${name%.json} name=${name%.tlog-proof}
  [[ -n ${type[$name]-} ]] || refuse "$f belongs to no entry of this package"
  [[ $f != data/* || ${type[$name]} == clip.ingested ]] || refuse "$f belongs to no clip"
done

# Part five: the manifests once more, by the tool everybody has.
sha256sum --check --quiet --strict tagmanifest-sha256.txt manifest-sha256.txt >&2 || refuse "a file changed while it was checked"
[[ $clips -gt 0 ]] || refuse "there is no clip in this package"
for f in data/*/*; do
  name=${f#data/} name=${name%%/*}
  printf 'ok %s %s %s\n' "$name" "${digest[$name]}" "$f"
done
for name in "${!erased[@]}"; do
  printf 'note: the record of entry %s was erased, as entry %s says\n' "$name" "${erased[$name]}"
done
printf 'proved: clips %d, entries %d, log %s, key %s\n' "$clips" "${#type[@]}" "$origin" "$keyid"
