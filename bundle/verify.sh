#!/bin/bash
# Proves this evidence package without the program that made it.
# Usage, in the root of the package: bash verify.sh VKEY
#
# VKEY is the dock's verifier key, <authority>/<log>+<8 hex digits>+<base64>, or
# that of the authority which endorsed it. Nobody asks here which keys it revoked.
# Take it from the authority, never from whoever handed over the package.
# Needs bash, coreutils, grep, sed, xxd and openssl 3; no network.
# Exit: 0 all of it is proved, 11 something is not, 2 not run as above.
shopt -so errexit nounset pipefail
export LC_ALL=C
shopt -s globstar dotglob nullglob

# This file is in the package too. Any one byte of it may be wrong and the
# script still ends with an error: what finds the damage is here twice, part one
# and part five, and so is what ends the script.
refuse() {
  printf 'verify.sh: %s\n' "$1" >&2
  exit 11
  exit 11
}

# each COMMAND FILE...: gives COMMAND the files, so many at once as fit.
each() {
  local command=$1
  shift
  while [[ $# -gt 500 ]]; do
    $command "${@:1:500}"
    shift 500
  done
  $command "$@"
}
sizes() { stat -c '%s %n' -- "$@"; }
# SM3 (GB/T 32905), in the form of sha256sum. Not every openssl has it.
sm3s() { openssl dgst -sm3 -r "$@" | sed 's/ \*/  /'; }
has_sm3=
openssl dgst -sm3 /dev/null >/dev/null 2>&1 && has_sm3=yes

# Part one: the files are those the two BagIt manifests list, and no others.
payload=() tags=()
for f in **/*; do
  [[ ! -L $f ]] || refuse "$f is a symbolic link; a package has none"
  [[ ! -d $f ]] || continue
  [[ -f $f && $f =~ ^[A-Za-z0-9._/-]+$ ]] || refuse "a file is not of a package: ${f@Q}"
  case $f in
    tagmanifest-sha256.txt) ;;
    data/*/*/*) refuse "$f is not a file of a package" ;;
    data/*/*) payload+=("$f") ;;
    bagit.txt | bag-info.txt | manifest-sha256.txt | manifest-sm3.txt | VERIFY.md | verify.sh) tags+=("$f") ;;
    certificate.html | certificate.pdf | log/key | log/checkpoint) tags+=("$f") ;;
    endorsements/*/* | entries/*/* | proofs/*/* | records/*/* | log/*/*) refuse "$f is not a file of a package" ;;
    endorsements/* | entries/*.json | records/*.json | proofs/*.tlog-proof | log/checkpoint*.tsr) tags+=("$f") ;;
    *) refuse "$f is not a file of a package" ;;
  esac
done
[[ -f manifest-sha256.txt && -f tagmanifest-sha256.txt && ${#payload[@]} -gt 0 ]] ||
  refuse "this folder is not an evidence package; change into the root of one first"
if [[ $(each sha256sum "${tags[@]}" | sort -k 2 | sha256sum) != "$(sha256sum <tagmanifest-sha256.txt)" ]]; then
  refuse "a file differs from tagmanifest-sha256.txt, or that list does; look with: sha256sum -c tagmanifest-sha256.txt"
fi
if [[ $(each sha256sum "${payload[@]}" | sort -k 2 | sha256sum) != "$(sha256sum <manifest-sha256.txt)" ]]; then
  refuse "a file below data differs from manifest-sha256.txt; look with: sha256sum -c manifest-sha256.txt"
fi
if [[ -f manifest-sm3.txt && -n $has_sm3 && $(each sm3s "${payload[@]}" | sort -k 2 | sha256sum) != "$(sha256sum <manifest-sm3.txt)" ]]; then
  refuse "a file below data differs from manifest-sm3.txt; look with: openssl dgst -sm3 -r data/*/*"
fi
# So the lists say what every file hashes to; sizes are needed too.
declare -A sum=() bytes=() sm3=()
while read -r hash f; do sum[$f]=$hash; done < <(sort manifest-sha256.txt tagmanifest-sha256.txt)
[[ ! -f manifest-sm3.txt ]] || while read -r hash f; do sm3[$f]=$hash; done <manifest-sm3.txt
while read -r count f; do bytes[$f]=$count; done < <(each sizes "${payload[@]}" "${tags[@]}")

# unbase64 TEXT: sets hex to what the base64 text says. Starting programs is
# what takes the time here, so that bash does it.
declare -A digit=()
alphabet=ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/
for i in {0..63}; do digit[${alphabet:i:1}]=$i; done
digit[=]=0
hex=
unbase64() {
  local rest=$1 group
  hex=
  while [[ -n $rest ]]; do
    group=$((digit[${rest:0:1}] << 18 | digit[${rest:1:1}] << 12 | digit[${rest:2:1}] << 6 | digit[${rest:3:1}]))
    printf -v group %06x "$group"
    hex+=$group rest=${rest:4}
  done
  [[ $1 != *= ]] || hex=${hex:0:-2}
}

# Part two: the verifier key. Its first byte says Ed25519; its 8 hex digits are
# the start of SHA-256 over the name, a newline and the 33 bytes.
vkey='^([^+[:space:]]+)\+([0-9a-f]{8})\+([A-Za-z0-9+/]{44})$'
dock='/([a-z][a-z0-9]{2,15})$'
if [[ $# -ne 1 || ! $1 =~ $vkey ]]; then
  printf 'verify.sh: say the verifier key: bash verify.sh AUTHORITY/LOG+xxxxxxxx+BASE64\n' >&2
  exit 2
fi
tmp=$(mktemp -d)
trap 'rm -rf -- "$tmp"' EXIT
# trust VKEY: from here on signed asks for this key; log is empty for an authority.
origin= keyid= log=
trust() {
  local key id
  [[ $1 =~ $vkey ]] || return 1
  origin=${BASH_REMATCH[1]} keyid=${BASH_REMATCH[2]} log=
  unbase64 "${BASH_REMATCH[3]}"
  key=$hex
  [[ ! $origin =~ $dock ]] || log=${BASH_REMATCH[1]}
  [[ $key == 01* ]] || refuse "the verifier key is not an Ed25519 key"
  id=$({ printf '%s\n' "$origin"; xxd -r -p <<<"$key"; } | sha256sum)
  [[ ${id:0:8} == "$keyid" ]] || refuse "the verifier key is mistyped: its parts do not fit together"
  printf '302a300506032b6570032100%s' "${key:2}" | xxd -r -p >"$tmp/key"
}
trust "$1"

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
    if [[ -z ${signed_before["$keyid$text$raw"]-} ]]; then
      printf %s "$text" >"$tmp/text"
      printf %s "${raw:8}" | xxd -r -p >"$tmp/signature"
      openssl pkeyutl -verify -pubin -keyform DER -inkey "$tmp/key" -rawin \
        -in "$tmp/text" -sigfile "$tmp/signature" >/dev/null 2>&1 || return 1
      signed_before["$keyid$text$raw"]=yes
    fi
    ok=yes
  done
  [[ -n $ok ]]
}

# answered: with the key of an authority, the newest key that it endorsed as a
# dock's and that signed this package is the one to trust, and froms and untils
# are when the authority answers for it. The text of an endorsement is 8 lines.
froms=() untils=()
answered() {
  local f lines text head authority=$origin newest= key= i=0
  local -a found=() checkpoint=()
  for f in endorsements/*; do
    mapfile -t lines <"$f"
    printf -v text '%s\n' "${lines[@]}"
    [[ ${#text} -eq ${bytes[$f]} && ${#lines[@]} -ge 10 && -z ${lines[8]} ]] || continue
    printf -v head '%s\n' "${lines[@]:0:8}"
    [[ ${lines[0]} == 'custodock endorsement v1' && ${lines[1]} == "authority $authority" && ${lines[2]} == 'role dock' ]] || continue
    [[ ${lines[4]} == 'from '* && ${lines[5]} == 'until '* && ${lines[6]} == 'issued '* ]] || continue
    signed "$head" "${lines[@]:9}" && found+=("${lines[6]#issued } ${lines[4]#from } ${lines[5]#until } ${lines[3]#key }")
  done
  lines=(proofs/*)
  mapfile -t lines <"${lines[0]:-/dev/null}"
  for i in "${!lines[@]}"; do
    [[ -n ${lines[i]} ]] || break
  done
  lines=("${lines[@]:i+1}")
  printf -v text '%s\n' "${lines[@]:0:3}"
  for f in "${found[@]}"; do
    read -r -a checkpoint <<<"$f"
    trust "${checkpoint[3]}" && [[ -n $log ]] && signed "$text" "${lines[@]:4}" || continue
    froms+=("${checkpoint[1]}") untils+=("${checkpoint[2]}")
    [[ ! $newest < ${checkpoint[0]} ]] || newest=${checkpoint[0]} key=${checkpoint[3]}
  done
  [[ -n $key ]] || refuse "authority $authority does not answer for this package: no endorsement of the dock's key by it is here"
  trust "$key"
  printf 'authority: %s answers for key %s; ask it whether that was revoked\n' "$authority" "$keyid"
}
# in_time TIME: the authority answers for what was made then.
in_time() {
  local i
  for i in "${!froms[@]}"; do
    [[ $1 < ${froms[i]} || $1 > ${untils[i]} ]] || return 0
  done
  [[ ${#froms[@]} -eq 0 ]]
}
[[ -n $log ]] || answered

# proved FILE INDEX LEAF: FILE is a C2SP tlog-proof that the entry whose leaf
# hash is LEAF (hex) stands at INDEX below a checkpoint signed by the key.
# RFC 9162, 2.1.3.2 is the walk from leaf to root.
declare -A node=()
above() { # LEFT RIGHT: sets hex to the hash over both
  if [[ -z ${node[$1$2]-} ]]; then
    hex=$(xxd -r -p <<<"01$1$2" | sha256sum)
    node[$1$2]=${hex:0:64}
  fi
  hex=${node[$1$2]}
}
b32='^[A-Za-z0-9+/]{42}[AEIMQUYcgkosw048]=$'
number='^(0|[1-9][0-9]{0,17})$'
proved() {
  local lines i=2 fn=$2 sn r=$3 text p
  mapfile -t lines <"$1"
  # Bash drops zero bytes, so that the length tells whether it has seen all.
  printf -v text '%s\n' "${lines[@]}"
  [[ ${#text} -eq ${bytes[$1]} && ${#lines[@]} -ge 8 ]] || return 1
  [[ ${lines[0]} == c2sp.org/tlog-proof@v1 && ${lines[1]} == "index $fn" ]] || return 1
  while [[ ${lines[i]-} =~ $b32 ]]; do i=$((i + 1)); done
  local end=$i
  [[ ${#lines[@]} -ge $((end + 6)) && -z ${lines[end]} && ${lines[end + 1]} == "$origin" ]] || return 1
  [[ ${lines[end + 2]} =~ $number && ${lines[end + 3]} =~ $b32 && -z ${lines[end + 4]} ]] || return 1
  printf -v text '%s\n' "${lines[@]:end+1}"
  [[ $text == "$note" ]] || return 1
  printf -v text '%s\n' "${lines[@]:end+1:3}"
  signed "$text" "${lines[@]:end+5}" || return 1
  size=${lines[end + 2]}
  sn=$((size - 1))
  [[ $fn -le $sn ]] || return 1
  for i in "${!lines[@]}"; do
    [[ $i -ge 2 && $i -lt $end ]] || continue
    unbase64 "${lines[i]}"
    p=$hex
    [[ $sn -gt 0 ]] || return 1
    if [[ $((fn % 2)) -eq 1 || $fn -eq $sn ]]; then
      above "$p" "$r"
      while [[ $((fn % 2)) -eq 0 && $fn -gt 0 ]]; do fn=$((fn / 2)) sn=$((sn / 2)); done
    else
      above "$r" "$p"
    fi
    r=$hex fn=$((fn / 2)) sn=$((sn / 2))
  done
  unbase64 "${lines[end + 3]}"
  [[ $sn -eq 0 && $r == "$hex" ]]
}

# There is one checkpoint, which every proof repeats, and each time stamp is over
# its bytes. Who gave the stamp is for openssl ts -verify, with the authority's
# certificates.
[[ -f log/checkpoint ]] || refuse "log/checkpoint is missing"
mapfile -t lines <log/checkpoint
printf -v note '%s\n' "${lines[@]}"
[[ ${#note} -eq ${bytes[log/checkpoint]} ]] || refuse "log/checkpoint is no checkpoint"
for f in log/*.tsr; do
  hex=$(xxd -p "$f")
  [[ ${hex//$'\n'/} == *"${sum[log/checkpoint]}"* ]] || refuse "$f is no time stamp over log/checkpoint"
done

# Part three: every entry is one line of the JSON that the log allows, and its
# proof holds. Objects are at most one level deep, so without them what is left
# has each name once; inside a string a quote always follows a backslash.
string='"([^"\\]|\\.)*"'
value="($string|-?[0-9]+|true|false)"
object="\\{($string:$value(,$string:$value)*)?\\}"
member="$string:($value|$object)"
entries=(entries/*)
[[ ${#entries[@]} -gt 0 ]] || refuse "there is no entry in this package"
match() { grep -acxE "\\{$member(,$member)*\\}" /dev/null "$@" || true; }
flatten() { sed -E "s/:$object/:{}/g" "$@" && printf '\n'; }
while IFS=: read -r f count; do
  [[ $f == /dev/null || $count == 1 && ${bytes[$f]} -le 4096 ]] || refuse "$f is not an entry of a log"
done < <(each match "${entries[@]}")
mapfile -t flats < <(each flatten "${entries[@]}")
[[ ${#flats[@]} -eq ${#entries[@]} ]] || refuse "an entry is not one line"
# field NAME: sets value_of to a simple value of the entry, empty without one.
entry= flat= leaf= size= value_of=
field() {
  value_of=
  [[ ! $flat =~ [{,]\"$1\":\"?([A-Za-z0-9._-]*)\"?[,}] ]] || value_of=${BASH_REMATCH[1]}
}
declare -A type=() leaves=() digest=() digest_sm3=() length=() record=() about=() about_leaf=() erased=()
for k in "${!entries[@]}"; do
  f=${entries[k]} flat=${flats[k]} entry=$(<"${entries[k]}")
  [[ ${#entry} -eq ${bytes[$f]} && $entry != *$'\n'* ]] || refuse "$f is not one line without its end"
  name=${f#entries/} name=${name%.json} n=${name#"$log-"}
  [[ $name == "$log-$n" && $n =~ $number ]] || refuse "$f is not of the log $log"
  leaf=$(printf '\0%s' "$entry" | sha256sum) leaf=${leaf:0:64}
  field log; [[ $value_of == "$log" ]] || refuse "$f is of another log"
  field n; [[ $value_of == "$n" ]] || refuse "$f is another entry"
  [[ -f proofs/$name.tlog-proof ]] || refuse "proofs/$name.tlog-proof is missing"
  proved "proofs/$name.tlog-proof" "$n" "$leaf" ||
    refuse "proofs/$name.tlog-proof does not prove entry $n under this key"
  [[ $flat =~ [{,]\"t\":\"([0-9TZ:.-]{24})\"[,}] ]] || refuse "$f has no time"
  in_time "${BASH_REMATCH[1]}" || refuse "$f was made ${BASH_REMATCH[1]}, when the authority did not answer for the key"
  leaves[$name]=$leaf
  field type; type[$name]=$value_of
  field record; record[$name]=$value_of
  field sha256; digest[$name]=$value_of
  field sm3
  [[ -n $value_of || ! $flat =~ [{,]\"sm3\": ]] || refuse "$f has an SM3 that is none"
  digest_sm3[$name]=$value_of
  field size; length[$name]=$value_of
  field clip; about[$name]=$value_of
  field leaf; about_leaf[$name]=$value_of
  if [[ ${type[$name]} == record.erased ]]; then
    target="\"target\":\\{([^{}]*,)?\"log\":\"$log\",\"n\":([0-9]+)[,}]"
    [[ $entry =~ $target && ${BASH_REMATCH[2]} =~ $number && $BASH_REMATCH -lt $n ]] ||
      refuse "entries/$name.json is about no entry of this package"
    about[$name]=
    erased[$log-$BASH_REMATCH]=$name
  fi
done

# holds NAME: the package has the file of a clip, or of one that was made from a
# clip, and it is what the entry says.
clips=0 sm3_clips=0
holds() {
  local files=("data/$1/"*)
  [[ ${#files[@]} -gt 0 ]] || return 1
  [[ ${#files[@]} -eq 1 ]] || refuse "data/$1 must hold one file"
  [[ ${sum[${files[0]}]} == "${digest[$1]}" ]] || refuse "${files[0]} is not what clip $1 was when it was recorded"
  [[ ${bytes[${files[0]}]} == "${length[$1]}" ]] || refuse "${files[0]} has another size than clip $1"
  clips=$((clips + 1))
  [[ -n ${digest_sm3[$1]} ]] || return 0
  sm3_clips=$((sm3_clips + 1))
  if [[ -z ${sm3[${files[0]}]-} && -n $has_sm3 ]]; then
    sm3[${files[0]}]=$(sm3s "${files[0]}") sm3[${files[0]}]=${sm3[${files[0]}]:0:64}
  fi
  [[ ${sm3[${files[0]}]-${digest_sm3[$1]}} == "${digest_sm3[$1]}" ]] || refuse "${files[0]} has another SM3 than clip $1 when it was recorded"
}

# Part four: entry by entry, what it says is what the package holds.
declare -A lacks=() derived=()
for name in "${!type[@]}"; do
  case ${type[$name]} in
    clip.ingested)
      holds "$name" || lacks[$name]=yes
      ;;
    record.erased | run.started) ;;
    *)
      of=${about[$name]}
      [[ -n $of && ${type[$of]-} == clip.ingested ]] || refuse "entries/$name.json is about no clip of this package"
      [[ -z ${about_leaf[$name]} || ${about_leaf[$name]} == "${leaves[$of]}" ]] || refuse "entries/$name.json is about another $of"
      if [[ ${type[$name]} == clip.derived ]] && holds "$name"; then
        derived[$of]=$name
      fi
      ;;
  esac
  if [[ -f records/$name.json ]]; then
    [[ ${sum[records/$name.json]} == "${record[$name]}" ]] || refuse "records/$name.json is not the record of its entry"
  elif [[ -n ${record[$name]} && -z ${erased[$name]-} ]]; then
    refuse "records/$name.json is missing and no entry says that it was erased"
  fi
done
for name in "${!lacks[@]}"; do
  [[ -n ${derived[$name]-} ]] || refuse "data/$name must hold one file"
done
for name in "${!erased[@]}"; do
  [[ -n ${type[$name]-} ]] || refuse "entries/${erased[$name]}.json is about no entry of this package"
done
for f in data/* proofs/* records/*; do
  name=${f#*/} name=${name%.json} name=${name%.tlog-proof}
  [[ -n ${type[$name]-} ]] || refuse "$f belongs to no entry of this package"
  [[ $f != data/* || ${type[$name]} == clip.ingested || ${type[$name]} == clip.derived ]] || refuse "$f belongs to no clip"
done

for f in endorsements/*; do
  [[ ${sum[$f]} == "${f#endorsements/}" ]] || refuse "$f is not what its name says"
done

# Part five: once more, in another way, what part one said of this file.
sha256sum --check --quiet --strict tagmanifest-sha256.txt >&2 || refuse "a file changed while it was checked"
[[ $clips -gt 0 ]] || refuse "there is no clip in this package"
for f in data/*/*; do
  name=${f#data/} name=${name%%/*}
  printf 'ok %s %s %s\n' "$name" "${digest[$name]}" "$f"
done
for name in "${!lacks[@]}"; do
  printf 'note: original %s is not in this package; its entry says sha256 %s\n' "$name" "${digest[$name]}"
done
for name in "${!erased[@]}"; do
  printf 'note: the record of entry %s was erased, as entry %s says\n' "$name" "${erased[$name]}"
done
if [[ $sm3_clips -gt 0 && -n $has_sm3 ]]; then
  printf 'sm3: clips %d, as their entries say\n' "$sm3_clips"
elif [[ $sm3_clips -gt 0 || -f manifest-sm3.txt ]]; then
  printf 'note: this openssl has no SM3, so no SM3 of a file was computed\n'
fi
printf 'proved: clips %d, entries %d, log %s, key %s\n' "$clips" "${#type[@]}" "$origin" "$keyid"
