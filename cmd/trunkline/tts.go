package main

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"trunkline/config"
	"trunkline/media"
)

// speaker makes sound of a text.
type speaker func(text string) (*media.Clip, error)

// speakerOf is the configuration's: a program or an endpoint. What it has spoken is kept in data_dir/tts, so that each
// text is spoken once; ctx bounds what is not there yet.
func speakerOf(ctx context.Context, cfg *config.Config) speaker {
	return func(text string) (*media.Clip, error) {
		kept := filepath.Join(cfg.Data(), "tts", spokenName(cfg.TTS, text))
		if clip, err := readClip(kept); err == nil {
			return clip, nil // one that is broken is made anew
		}
		ctx, cancel := context.WithTimeout(ctx, cfg.TTS.Timeout)
		defer cancel()
		wav, err := speak(ctx, cfg, text)
		if err == nil {
			_, err = media.ReadWAV(bytes.NewReader(wav))
		}
		switch {
		case errors.Is(ctx.Err(), context.DeadlineExceeded):
			return nil, fmt.Errorf("the text was not spoken within %s: is what tts: names there, or should tts.timeout be longer?", short(cfg.TTS.Timeout))
		case err != nil:
			return nil, fmt.Errorf("the text cannot be spoken: %w", err)
		}
		if err := keepWhole(kept, wav); err != nil {
			return nil, fmt.Errorf("what was spoken cannot be kept: %w", err)
		}
		return readClip(kept)
	}
}

// spokenName is the file of a text: another voice makes another one.
func spokenName(t config.TTS, text string) string {
	sum := sha256.Sum256([]byte(strings.Join(slices.Concat(t.Command, []string{t.URL, t.Model, t.Voice, text}), "\x00")))
	return hex.EncodeToString(sum[:16]) + ".wav"
}

// keepWhole writes a whole file, which is on disk then, or none.
func keepWhole(name string, wav []byte) error {
	if err := os.MkdirAll(filepath.Dir(name), 0o700); err != nil {
		return err
	}
	f, err := os.CreateTemp(filepath.Dir(name), "new-*")
	if err != nil {
		return err
	}
	defer os.Remove(f.Name()) // it is gone where all went well
	if _, err = f.Write(wav); err == nil {
		err = f.Sync()
	}
	if err := errors.Join(err, f.Close()); err != nil {
		return err
	}
	return os.Rename(f.Name(), name)
}

func speak(ctx context.Context, cfg *config.Config, text string) ([]byte, error) {
	if len(cfg.TTS.Command) > 0 {
		return speakByCommand(ctx, cfg, text)
	}
	return speakByHTTP(ctx, cfg.TTS, text)
}

// mostSpoken bounds what a speaker may return: ten minutes at 48 kHz.
const mostSpoken = 64 << 20

// speakByCommand runs the program. Its arguments are passed as they are: there is no shell in which a text could do
// something.
func speakByCommand(ctx context.Context, cfg *config.Config, text string) ([]byte, error) {
	room, err := os.MkdirTemp("", "trunkline-tts-")
	if err != nil {
		return nil, err
	}
	defer os.RemoveAll(room)
	out := filepath.Join(room, "out.wav")
	argv := slices.Clone(cfg.TTS.Command)
	inArgument, toFile := false, false
	for i, arg := range argv[1:] {
		inArgument = inArgument || strings.Contains(arg, "{text}")
		toFile = toFile || strings.Contains(arg, "{out}")
		argv[i+1] = strings.NewReplacer("{text}", text, "{out}", out, "{voice}", cfg.TTS.Voice, "{language}", cfg.Prompts.Language).Replace(arg)
	}
	var sound, said bytes.Buffer
	cmd := exec.CommandContext(ctx, argv[0], argv[1:]...)
	cmd.Dir = filepath.Dir(cfg.Resolve("x"))
	cmd.Stdout, cmd.Stderr = &bounded{b: &sound, left: mostSpoken}, &bounded{b: &said, left: 1 << 10}
	if !inArgument {
		cmd.Stdin = strings.NewReader(text)
	}
	cmd.WaitDelay = time.Second
	if err := cmd.Run(); err != nil {
		return nil, fmt.Errorf("%s: %w%s", argv[0], err, firstLine(said.String()))
	}
	if !toFile {
		return sound.Bytes(), nil
	}
	f, err := os.Open(out)
	if err != nil {
		return nil, fmt.Errorf("%s wrote nothing to {out}%s", argv[0], firstLine(said.String()))
	}
	defer f.Close()
	return io.ReadAll(io.LimitReader(f, mostSpoken))
}

func firstLine(text string) string {
	if line, _, _ := strings.Cut(strings.TrimSpace(text), "\n"); line != "" {
		return ": " + line
	}
	return ""
}

// bounded keeps the beginning of what is written to it.
type bounded struct {
	b    *bytes.Buffer
	left int
}

// Write takes everything and keeps what there is room for.
func (w *bounded) Write(p []byte) (int, error) {
	n := min(len(p), w.left)
	w.left -= n
	w.b.Write(p[:n])
	return len(p), nil
}

// speakByHTTP asks an endpoint that takes what OpenAI's does.
func speakByHTTP(ctx context.Context, t config.TTS, text string) ([]byte, error) {
	body, err := json.Marshal(map[string]string{"model": t.Model, "voice": t.Voice, "input": text, "response_format": "wav"})
	if err != nil {
		return nil, err
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, t.URL, bytes.NewReader(body))
	if err != nil {
		return nil, err
	}
	req.Header.Set("Content-Type", "application/json")
	if key := t.Key.Reveal(); key != "" {
		req.Header.Set("Authorization", "Bearer "+key)
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return nil, err
	}
	defer resp.Body.Close()
	sound, err := io.ReadAll(io.LimitReader(resp.Body, mostSpoken))
	if err != nil {
		return nil, err
	}
	if resp.StatusCode != http.StatusOK {
		return nil, fmt.Errorf("%s answered %s%s", t.URL, resp.Status, firstLine(string(sound[:min(len(sound), 200)])))
	}
	return sound, nil
}
