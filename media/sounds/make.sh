#!/bin/sh
# Makes the shipped prompts anew: needs flite and sox (apt-get install flite sox).
# The words are ours, the voice is CMU's slt (see README). -20 dBFS speech, 8 kHz, µ-law.
set -eu
cd "$(dirname "$0")"
say() {
	flite -voice slt --setf duration_stretch=1.05 -t "$2" -o "/tmp/$$.wav"
	# Silence at both ends to 100 ms, nothing above the telephone's band, level by RMS.
	sox "/tmp/$$.wav" -b 16 "/tmp/$$-cut.wav" silence 1 0.01 0.1% reverse silence 1 0.01 0.1% reverse \
		highpass 150 gain -6
	level=$(sox "/tmp/$$-cut.wav" -n stats 2>&1 | awk '/^RMS lev dB/ {print -21 - $4}')
	sox "/tmp/$$-cut.wav" -e mu-law -r 8000 -c 1 "$1.wav" gain "$level" gain -l 0 pad 0.1 0.2
	rm -f "/tmp/$$.wav" "/tmp/$$-cut.wav"
}
say welcome "Welcome. Thank you for calling."
say please-wait "Please hold the line. The next free member of our team will be with you shortly."
say all-busy "All members of our team are busy at the moment. Please hold the line."
say still-waiting "Thank you for waiting. You have kept your place in the queue."
say connecting "One moment please. We are connecting you now."
say unavailable "We are sorry. Nobody is available to take your call right now. Please call again later."
say closed "We are closed at the moment. Please call again during our opening hours."
say goodbye "Thank you for your call. Goodbye."
say invalid-choice "Sorry. That is not one of the choices."
