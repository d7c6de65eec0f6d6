package recorder

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"mime/multipart"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"time"
)

// Driver makes words of sound.
type Driver interface {
	// Transcribe reads a mono WAV file (16-bit PCM, 8 or 16 kHz) and returns
	// what a recogniser says of it: OpenAI's verbose_json, or plain text. It
	// blocks until then or until ctx is done. An error that no second try can
	// cure wraps ErrHopeless.
	Transcribe(ctx context.Context, wav, language string) ([]byte, error)
	// Name is the driver and its model or program, for the transcript.
	Name() string
}

// ErrHopeless marks an error of a Driver's that comes again however often it
// is tried.
var ErrHopeless = errors.New("trying again will not help")

// mostReply bounds what is read of an answer.
const mostReply = 64 << 20

// HTTPDriver is a service with OpenAI's interface: POST multipart/form-data
// to URL, as /v1/audio/transcriptions; whisper.cpp's server takes the same
// at /inference.
type HTTPDriver struct {
	URL   string
	Model string
	Key   string // bearer token; empty: none is sent

	Client *http.Client // nil: one that follows no redirects
}

// Name is the model's.
func (d *HTTPDriver) Name() string { return strings.TrimSpace("http " + d.Model) }

// noRedirects keeps recordings and the key from where nobody sent them.
var noRedirects = &http.Client{
	Transport:     &http.Transport{Proxy: http.ProxyFromEnvironment, ResponseHeaderTimeout: 0, IdleConnTimeout: 30 * time.Second},
	CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
}

// Transcribe posts the file. The file is streamed, not kept in memory.
func (d *HTTPDriver) Transcribe(ctx context.Context, wav, language string) ([]byte, error) {
	f, err := os.Open(wav)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	in, out := io.Pipe()
	var writing sync.WaitGroup
	defer writing.Wait()
	defer in.Close()
	form := multipart.NewWriter(out)
	writing.Go(func() { out.CloseWithError(d.write(form, f, language)) })
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, d.URL, in)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrHopeless, err)
	}
	req.Header.Set("Content-Type", form.FormDataContentType())
	req.Header.Set("Accept", "application/json")
	if d.Key != "" {
		req.Header.Set("Authorization", "Bearer "+d.Key)
	}
	client := d.Client
	if client == nil {
		client = noRedirects
	}
	resp, err := client.Do(req)
	if err != nil {
		return nil, err
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(io.LimitReader(resp.Body, mostReply+1))
	switch {
	case err != nil:
		return nil, err
	case len(body) > mostReply:
		return nil, fmt.Errorf("the service answered more than %d MiB", mostReply>>20)
	}
	if resp.StatusCode/100 == 2 {
		return body, nil
	}
	err = fmt.Errorf("the service answered %s: %s", resp.Status, shortly(body))
	switch resp.StatusCode {
	case http.StatusRequestTimeout, http.StatusTooManyRequests, http.StatusConflict, http.StatusTooEarly:
		return nil, err
	}
	if resp.StatusCode < 500 {
		return nil, fmt.Errorf("%w (%w)", err, ErrHopeless)
	}
	return nil, err
}

func (d *HTTPDriver) write(form *multipart.Writer, f *os.File, language string) error {
	fields := [][2]string{
		{"model", d.Model}, {"language", language}, {"response_format", "verbose_json"},
		{"timestamp_granularities[]", "segment"}, {"timestamp_granularities[]", "word"},
	}
	for _, field := range fields {
		if field[1] == "" {
			continue
		}
		if err := form.WriteField(field[0], field[1]); err != nil {
			return err
		}
	}
	part, err := form.CreateFormFile("file", filepath.Base(f.Name()))
	if err != nil {
		return err
	}
	if _, err := io.Copy(part, f); err != nil {
		return err
	}
	return form.Close()
}

// CommandDriver runs a program for each side of a recording. In its
// arguments {file} and {language} stand for these. There is no shell; the
// program gets a small environment, so that secrets of ours stay ours.
type CommandDriver struct {
	Argv []string
}

// Name is the program's.
func (d *CommandDriver) Name() string { return "command " + filepath.Base(d.Argv[0]) }

// Transcribe runs the program; when ctx is done it is killed with all that
// it started.
func (d *CommandDriver) Transcribe(ctx context.Context, wav, language string) ([]byte, error) {
	put := strings.NewReplacer("{file}", wav, "{language}", language)
	argv := make([]string, len(d.Argv))
	argv[0] = d.Argv[0]
	for i, arg := range d.Argv[1:] {
		argv[i+1] = put.Replace(arg)
	}
	cmd := exec.CommandContext(ctx, argv[0], argv[1:]...)
	cmd.Dir = os.TempDir()
	cmd.Env = []string{"LANG=C.UTF-8"}
	for _, name := range []string{"PATH", "HOME", "TMPDIR"} {
		if v, ok := os.LookupEnv(name); ok {
			cmd.Env = append(cmd.Env, name+"="+v)
		}
	}
	inGroup(cmd)
	cmd.WaitDelay = 5 * time.Second
	out, complaints := &bounded{most: mostReply}, &bounded{most: 4096}
	cmd.Stdout, cmd.Stderr = out, complaints
	err := cmd.Run()
	switch {
	case ctx.Err() != nil:
		return nil, fmt.Errorf("%s took too long and was ended: %w", filepath.Base(argv[0]), ctx.Err())
	case errors.Is(err, exec.ErrNotFound), errors.Is(err, os.ErrNotExist), errors.Is(err, os.ErrPermission):
		return nil, fmt.Errorf("%w (%w)", err, ErrHopeless)
	case err != nil:
		return nil, fmt.Errorf("%s: %w: %s", filepath.Base(argv[0]), err, shortly(complaints.Bytes()))
	case out.cut:
		return nil, fmt.Errorf("%s printed more than %d MiB", filepath.Base(argv[0]), mostReply>>20)
	}
	return out.Bytes(), nil
}

// bounded keeps the beginning of what is written to it.
type bounded struct {
	bytes.Buffer
	most int
	cut  bool
}

func (b *bounded) Write(p []byte) (int, error) {
	n := len(p)
	if room := b.most - b.Len(); n > room {
		p, b.cut = p[:room], true
	}
	_, err := b.Buffer.Write(p)
	return n, err
}
