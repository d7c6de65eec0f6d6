package recorder

import (
	"cmp"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"
	"time"
)

// Transcript is the words of a recording: what each side said, in the order
// of time. It lies beside the recording, with the ending .transcript.json, and
// goes with it.
type Transcript struct {
	ID       ID        `json:"id"`             // of the recording
	Of       string    `json:"call,omitempty"` // whose recording it is, as Task said
	Language string    `json:"language,omitempty"`
	By       string    `json:"by"` // the driver, and its model or program
	At       time.Time `json:"at"` // when it was made
	Duration float64   `json:"duration"`
	Said     []Said    `json:"said"`
	Pauses   []Span    `json:"pauses"` // stretches that were not recorded, on purpose
}

// Said is what one side said in one go. Times are seconds from the start of
// the recording.
type Said struct {
	Side  int     `json:"side"` // 0: the caller, 1: the agent
	Start float64 `json:"start"`
	End   float64 `json:"end"`
	Text  string  `json:"text"`
	Words []Word  `json:"words,omitempty"` // where the driver tells them apart
}

// Word is one word with its time.
type Word struct {
	Word  string  `json:"word"`
	Start float64 `json:"start"`
	End   float64 `json:"end"`
}

// Span is a stretch of a recording, in seconds from its start.
type Span struct {
	From float64 `json:"from"`
	To   float64 `json:"to"`
}

// sideNames are the sides as they are written for people.
var sideNames = [2]string{"Caller", "Agent"}

// ReadTranscript reads what lies beside a WAV file. fs.ErrNotExist: there is
// none.
func ReadTranscript(wav string) (Transcript, error) {
	var t Transcript
	b, err := os.ReadFile(transcriptPath(wav))
	if err != nil {
		return t, err
	}
	if err := json.Unmarshal(b, &t); err != nil {
		return t, fmt.Errorf("transcript of %s: %w", wav, err)
	}
	return t, nil
}

func writeTranscript(wav string, t Transcript) error {
	b, err := json.Marshal(t)
	if err != nil {
		return err
	}
	return replaceFile(transcriptPath(wav), append(b, '\n'))
}

func transcriptPath(wav string) string { return strings.TrimSuffix(wav, ".wav") + ".transcript.json" }

// settle puts what was said in order, without what a recogniser makes of
// the silence of a pause: what lies in pauses by more than half. A text without
// times is one stretch of the whole side, and stays.
func (t *Transcript) settle() {
	t.Said = slices.DeleteFunc(t.Said, func(s Said) bool {
		paused := 0.0
		for _, p := range t.Pauses {
			if p.From <= s.Start && s.End < p.To { // of no length, too
				return true
			}
			paused += max(0, min(s.End, p.To)-max(s.Start, p.From))
		}
		return paused > (s.End-s.Start)/2 || strings.TrimSpace(s.Text) == ""
	})
	slices.SortStableFunc(t.Said, func(a, b Said) int {
		return cmp.Or(cmp.Compare(a.Start, b.Start), cmp.Compare(a.Side, b.Side))
	})
}

// textLine is one line of a transcript for people: what was said, or a pause.
type textLine struct {
	from, to float64
	who      string
	text     string
}

func (t *Transcript) lines() []textLine {
	var all []textLine
	for _, s := range t.Said {
		all = append(all, textLine{s.Start, s.End, sideNames[s.Side&1], oneLine(s.Text)})
	}
	for _, p := range t.Pauses {
		all = append(all, textLine{from: p.From, to: p.To, text: "[recording paused]"})
	}
	slices.SortStableFunc(all, func(a, b textLine) int { return cmp.Compare(a.from, b.from) })
	return all
}

// WriteText writes a transcript as plain text, a line each time somebody
// speaks: [00:01:07] Caller: …
func (t *Transcript) WriteText(w io.Writer) error {
	for _, l := range t.lines() {
		who := l.who
		if who != "" {
			who += ": "
		}
		if _, err := fmt.Fprintf(w, "[%s] %s%s\n", clock(l.from, false), who, l.text); err != nil {
			return err
		}
	}
	return nil
}

// WriteVTT writes a transcript as WebVTT (W3C), with voices.
func (t *Transcript) WriteVTT(w io.Writer) error {
	if _, err := io.WriteString(w, "WEBVTT\n"); err != nil {
		return err
	}
	escape := strings.NewReplacer("&", "&amp;", "<", "&lt;", ">", "&gt;")
	for _, l := range t.lines() {
		text := escape.Replace(l.text)
		if l.who != "" {
			text = "<v " + l.who + ">" + text
		}
		// A cue without a length is not valid.
		to := max(l.to, l.from+0.001)
		if _, err := fmt.Fprintf(w, "\n%s --> %s\n%s\n", clock(l.from, true), clock(to, true), text); err != nil {
			return err
		}
	}
	return nil
}

// WriteJSON writes a transcript whole.
func (t *Transcript) WriteJSON(w io.Writer) error {
	e := json.NewEncoder(w)
	e.SetIndent("", "  ")
	return e.Encode(t)
}

// clock writes seconds as hh:mm:ss, or hh:mm:ss.mmm.
func clock(s float64, millis bool) string {
	d := time.Duration(max(0, s) * float64(time.Second)).Round(time.Millisecond)
	h, m, sec := int(d/time.Hour), int(d/time.Minute)%60, int(d/time.Second)%60
	if millis {
		return fmt.Sprintf("%02d:%02d:%02d.%03d", h, m, sec, int(d/time.Millisecond)%1000)
	}
	return fmt.Sprintf("%02d:%02d:%02d", h, m, sec)
}

// oneLine keeps a text on one line, without control characters.
func oneLine(s string) string {
	return strings.Join(strings.FieldsFunc(s, func(r rune) bool { return r <= ' ' || r == 0x7f }), " ")
}
