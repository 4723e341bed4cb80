#!/bin/bash
# Makes configs/sample: small real clips in the folder layouts of real cameras
# and recorders, one folder a device; and a few more files that only the tests
# of media read. All are committed; this script is run again only to change
# them. It needs ffmpeg (libx264, libx265, libmp3lame), exiftool and perl.
# Encoders run on one thread and write no version strings, so the same versions
# of the tools give the same bytes.
set -eu

root=$(cd "$(dirname "$0")/.." && pwd)
out=$root/configs/sample
data=$root/media/testdata/real
tmp=$(mktemp -d)
trap 'rm -rf "$tmp"' EXIT

exact=(-fflags +bitexact -flags:v +bitexact -flags:a +bitexact -threads 1)
quick=(-preset slow -crf 38 -pix_fmt yuv420p -g 30)
aac=(-c:a aac -b:a 24k -ac 1 -ar 16000)

# encode SECONDS SIZE HERTZ ARGS… FILE: a moving test picture with a tone; the
# pitch makes every clip's content its own.
encode() {
	local seconds=$1 size=$2 hertz=$3
	shift 3
	ffmpeg -hide_banner -loglevel error -nostdin -y \
		-f lavfi -i "testsrc2=size=$size:rate=15:duration=$seconds" \
		-f lavfi -i "sine=frequency=$hertz:sample_rate=16000:duration=$seconds" \
		-map_metadata -1 "${exact[@]}" "$@"
}

# sound SECONDS HERTZ RATE ARGS… FILE: the tone alone.
sound() {
	local seconds=$1 hertz=$2 rate=$3
	shift 3
	ffmpeg -hide_banner -loglevel error -nostdin -y \
		-f lavfi -i "sine=frequency=$hertz:sample_rate=$rate:duration=$seconds" \
		-map_metadata -1 "${exact[@]}" "$@"
}

# still SIZE SKIP FILE: one picture, SKIP frames into the test picture.
still() {
	ffmpeg -hide_banner -loglevel error -nostdin -y \
		-f lavfi -i "testsrc2=size=$1:rate=15" -vf "select=gte(n\,$2)" -frames:v 1 \
		"${exact[@]}" -q:v 12 -f mjpeg -update 1 "$3"
}

# The body camera: local time where the format wants UTC, as many cameras do.
# Its first clip has moov behind mdat, its second before.
a11() {
	local d=$out/a11/DCIM who=A11_2222222_100234
	mkdir -p "$d" "$out/a11/LOG"
	encode 3 320x180 440 -c:v libx264 "${quick[@]}" "${aac[@]}" \
		-metadata creation_time=2026-09-02T18:01:18Z "$d/${who}_20260902180118_0001.mp4"
	encode 2 320x180 523 -c:v libx264 "${quick[@]}" "${aac[@]}" -movflags +faststart \
		-metadata creation_time=2026-09-02T18:02:40Z \
		-metadata location=+31.2304+121.4737/ "$d/${who}_20260902180240_0002.mp4"
	still 320x180 40 "$d/${who}_20260902180255_0003.jpg"
	exiftool -q -overwrite_original -Make=AMBA -Model=A11 -SerialNumber=2222222 \
		"-DateTimeOriginal=2026:09:02 18:02:55" "$d/${who}_20260902180255_0003.jpg"
	printf '%s\r\n' '2026-09-02 18:00:51 #ID:2222222 power on' \
		'2026-09-02 18:01:18 #ID:2222222 record start 0001' \
		'2026-09-02 18:01:21 #ID:2222222 record stop 0001' \
		'2026-09-02 18:02:40 #ID:2222222 record start 0002' \
		'2026-09-02 18:02:42 #ID:2222222 record stop 0002' \
		'2026-09-02 18:02:55 #ID:2222222 photo 0003' >"$out/a11/LOG/20260902.txt"
}

# Two chapters of one recording, with the proxy and the thumbnail of the first.
gopro() {
	local d=$out/gopro/DCIM/100GOPRO hevc at
	at=(-metadata creation_time=2026-09-02T18:03:00Z)
	mkdir -p "$d" "$out/gopro/MISC"
	hevc=(-c:v libx265 -tag:v hvc1 "${quick[@]}" -x265-params "log-level=none:pools=none:frame-threads=1:info=0")
	encode 3 320x180 587 "${hevc[@]}" "${aac[@]}" "${at[@]}" "$d/GX010042.MP4"
	encode 2 320x180 659 "${hevc[@]}" "${aac[@]}" "${at[@]}" "$d/GX020042.MP4"
	encode 3 160x90 587 -c:v libx264 "${quick[@]}" "${aac[@]}" "${at[@]}" -f mp4 "$d/GL010042.LRV"
	still 160x120 1 "$d/GX010042.THM"
	cat >"$out/gopro/MISC/version.txt" <<'JSON'
{
"info version":"2.0",
"firmware version":"HD9.01.01.72.00",
"wifi mac":"d43260000042",
"camera type":"HERO9 Black",
"camera serial number":"C3441300000042",
}
JSON
}

# A dash camera's QuickTime file: H.264 and plain PCM, moov at the end.
novatek() {
	local d=$out/novatek/DCIM/MOVIE
	mkdir -p "$d"
	encode 2 320x180 698 -c:v libx264 "${quick[@]}" -c:a pcm_s16le -ac 1 -ar 8000 \
		-metadata creation_time=2026-09-02T18:04:10Z -metadata date=2026-09-02T18:04:10+0800 \
		-metadata make=NOVATEK -metadata model=NTK96550 \
		"$d/2026_0902_180410_001.MOV"
}

# A stills camera in DCF layout, with a Motion JPEG AVI and its thumbnail.
canon() {
	local d=$out/canon/DCIM/100CANON
	mkdir -p "$d"
	still 480x320 7 "$d/IMG_0006.JPG"
	exiftool -q -overwrite_original -Make=Canon "-Model=Canon PowerShot SX740 HS" \
		-SerialNumber=563051000042 "-DateTimeOriginal=2026:09:02 18:05:07" \
		"-CreateDate=2026:09:02 18:05:07" -OffsetTimeOriginal=+08:00 \
		-GPSLatitude=39.90875 -GPSLatitudeRef=N -GPSLongitude=116.39745 -GPSLongitudeRef=E \
		-GPSDateStamp=2026:09:02 -GPSTimeStamp=10:05:03 -GPSStatus#=A "$d/IMG_0006.JPG"
	encode 2 160x120 784 -c:v mjpeg -q:v 20 -pix_fmt yuvj420p -c:a pcm_u8 -ac 1 -ar 8000 \
		-metadata date=2026-09-02 "$tmp/clip.avi"
	idit "$tmp/clip.avi" "WED SEP 02 18:06:00 2026" >"$d/MVI_0007.AVI"
	still 160x120 9 "$d/MVI_0007.THM"
}

# idit FILE DATE: the AVI with an IDIT chunk at the start of the last filler
# that ffmpeg leaves in the header list, so no size changes.
idit() {
	perl -e '
		my ($file, $date) = @ARGV;
		open my $in, "<:raw", $file or die "open $file: $!\n";
		local $/; my $b = <$in>;
		my $at = rindex($b, "JUNK", index($b, "INFO"));
		die "no filler in $file\n" if $at < 0;
		my $size = unpack("V", substr($b, $at + 4, 4));
		my $chunk = "IDIT" . pack("V", 26) . $date . "\n\0";
		die "no room for IDIT\n" if length($chunk) != 34 or $size < 34;
		substr($b, $at, 42) = $chunk . "JUNK" . pack("V", $size - 34);
		binmode STDOUT; print $b;' "$1" "$2"
}

# Two sound recorders: Broadcast Wave with its origination time, MP3 with ID3.
recorders() {
	mkdir -p "$out/zoom/STEREO/FOLDER01" "$out/sony/REC_FILE/FOLDER01"
	sound 2 330 8000 -c:a pcm_s16le -ac 1 -write_bext 1 \
		-metadata originator="ZOOM Handy Recorder H4n" \
		-metadata origination_date=2026-09-02 -metadata origination_time=18:07:30 \
		"$out/zoom/STEREO/FOLDER01/STE-000.WAV"
	sound 3 349 22050 -c:a libmp3lame -b:a 32k -ac 1 -id3v2_version 3 -write_xing 0 \
		-metadata title=260902_1804 -metadata artist="IC RECORDER" \
		-metadata TYER=2026 -metadata TDAT=0209 -metadata TIME=1804 \
		"$out/sony/REC_FILE/FOLDER01/260902_1804.mp3"
}

# A drone: true UTC in the movie header, the place in the file and its track
# beside it as subtitles.
dji() {
	local d=$out/dji/DCIM/DJI_001 clip=DJI_20260902180510_0001_D
	mkdir -p "$d"
	encode 3 320x180 880 -c:v libx264 "${quick[@]}" -an -movflags use_metadata_tags \
		-metadata creation_time=2026-09-02T10:05:10Z \
		-metadata com.apple.quicktime.make=DJI -metadata com.apple.quicktime.model=FC3582 \
		-metadata com.apple.quicktime.creationdate=2026-09-02T18:05:10+0800 \
		-metadata com.apple.quicktime.location.ISO6709=+22.5431+114.0579+036.200/ "$d/$clip.MP4"
	encode 3 160x90 880 -c:v libx264 "${quick[@]}" -an \
		-metadata creation_time=2026-09-02T10:05:10Z -f mp4 "$d/$clip.LRF"
	local n
	for n in 1 2 3; do
		printf '%d\n00:00:%02d,000 --> 00:00:%02d,000\n' "$n" $((n - 1)) "$n"
		printf '2026-09-02 18:05:%02d.000\n' $((9 + n))
		printf '[latitude: 22.5431%d0] [longitude: 114.0579%d0] [rel_alt: 36.%d00 abs_alt: 58.100]\n\n' "$n" "$n" "$n"
	done >"$d/$clip.SRT"
}

# Layouts no sample camera has, for the tests of media alone.
variants() {
	mkdir -p "$data"
	sound 1 392 22050 -c:a libmp3lame -q:a 9 -ac 1 -id3v2_version 4 \
		-metadata "title=ěšč" -metadata date=2026-09-02T18:04:05 "$data/vbr.mp3"
	sound 1 415 8000 -c:a pcm_s16le -ac 1 -rf64 always "$data/rf64.wav"
	sound 1 466 8000 -c:a adpcm_ima_wav -ac 1 -metadata date=2026-09-02 "$data/adpcm.wav"
	encode 1 64x48 494 -c:v libx264 "${quick[@]}" -an -movflags frag_keyframe+empty_moov "$data/fragment.mp4"
}

rm -rf "$out" "$data"
variants
a11
gopro
novatek
canon
recorders
dji
find "$out" "$data" -type f -exec chmod 0644 {} +
du -sb "$out" "$data"
