#!/bin/sh
# Makes the shipped prompts anew from the lists of words, en.txt and es.txt: needs flite, espeak-ng and sox
# (apt-get install flite espeak-ng sox). With names it makes those alone: make.sh en welcome goodbye.
# The words are ours, the voices are in README.md. Speech at -20 dBFS, 8 kHz, µ-law.
set -eu
cd "$(dirname "$0")"
room=$(mktemp -d)
trap 'rm -rf "$room"' EXIT
speak() { # language, words: $room/raw.wav
	case $1 in
	en) flite -voice slt --setf duration_stretch=1.05 -t "$2" -o "$room/raw.wav" ;;
	es) espeak-ng -v es-419 -s 180 -w "$room/raw.wav" -- "$2" ;;
	esac
}
say() { # language, name, words
	speak "$1" "$3"
	# A part of a sentence joins the next one; a whole one has its pauses.
	pad="0.1 0.2"
	case $3 in *[.?]) ;; *) pad="0.02 0.06" ;; esac
	sox "$room/raw.wav" -b 16 "$room/cut.wav" silence 1 0.01 0.1% reverse silence 1 0.01 0.1% reverse highpass 150 gain -6
	level=$(sox "$room/cut.wav" -n stats 2>&1 | awk '/^RMS lev dB/ {print -21 - $4}')
	sox "$room/cut.wav" -e mu-law -r 8000 -c 1 "$1/$2.wav" gain "$level" gain -l 0 pad $pad
}
only=${1:-}
[ $# -gt 0 ] && shift
for language in ${only:-en es}; do
	mkdir -p "$language"
	[ $# -gt 0 ] || rm -f "$language"/*.wav
	grep -v '^#' "$language.txt" | while IFS= read -r line; do
		name=${line%%: *}
		if [ $# -gt 0 ]; then case " $* " in *" $name "*) ;; *) continue ;; esac; fi
		say "$language" "$name" "${line#*: }"
	done
done
