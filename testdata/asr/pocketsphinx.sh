#!/bin/sh
# pocketsphinx.sh FILE.wav: what is said in it, as OpenAI's verbose_json.
#
# Debian's en-us model was trained on 16 kHz. Of 8 kHz it makes nothing, and of
# a clean resampling, with its empty upper band, nonsense. Doubling the rate without
# a low-pass filter mirrors the speech into that band, which is near enough.
set -eu
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
if [ "$(soxi -r "$1")" -le 8000 ]; then
	sox -D "$1" -b 16 -r 16000 "$dir/in.wav" upsample 2 vol 2 treble -6 4000 2>/dev/null
else
	sox -D "$1" -b 16 -r 16000 "$dir/in.wav"
fi
# A line of an utterance, then a line a word: word start end confidence.
pocketsphinx_continuous -infile "$dir/in.wav" -samprate 16000 -remove_noise no -time yes -logfn /dev/null |
	awk '
		NF == 4 && $2 ~ /^[0-9.]+$/ && $3 ~ /^[0-9.]+$/ {
			if ($1 ~ /^[<[+]/) next
			sub(/\([0-9]+\)$/, "", $1)
			words = words comma "{\"word\":\"" $1 "\",\"start\":" $2 ",\"end\":" $3 "}"
			comma = ","
		}
		END { print "{\"task\":\"transcribe\",\"language\":\"en\",\"words\":[" words "]}" }'
