package api

import (
	"bytes"
	"compress/gzip"
	"crypto/sha256"
	"embed"
	"encoding/hex"
	"io/fs"
	"mime"
	"net/http"
	"path"
	"strings"
	"sync"
)

//go:embed page
var pageFiles embed.FS

// asset is one file of the page, as it is sent.
type asset struct {
	kind   string
	etag   string
	plain  []byte
	zipped []byte // nil: not worth it
}

// assets are the page's files by their paths, compressed once.
var assets = sync.OnceValue(func() map[string]asset {
	all := map[string]asset{}
	_ = fs.WalkDir(pageFiles, "page", func(name string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		text, err := pageFiles.ReadFile(name)
		if err != nil {
			return err
		}
		sum := sha256.Sum256(text)
		a := asset{kind: mime.TypeByExtension(path.Ext(name)), etag: `"` + hex.EncodeToString(sum[:12]) + `"`, plain: text}
		switch path.Ext(name) {
		case ".js": // whatever the system's table of types says: a module needs it
			a.kind = "text/javascript; charset=utf-8"
		case ".json", ".webmanifest":
			a.kind = "application/json"
		}
		var b bytes.Buffer
		z, _ := gzip.NewWriterLevel(&b, gzip.BestCompression)
		_, _ = z.Write(text)
		_ = z.Close()
		if b.Len() < len(text)*9/10 {
			a.zipped = b.Bytes()
		}
		all[strings.TrimPrefix(name, "page")] = a
		return nil
	})
	if index, there := all["/index.html"]; there {
		all["/"] = index
	}
	return all
})

// pagePolicy lets the page run its own files alone: no inline script, no
// markup from text (Trusted Types), no frame around it.
const pagePolicy = "default-src 'self'; img-src 'self' data:; media-src 'self' blob:; object-src 'none'; base-uri 'none'; " +
	"form-action 'self'; frame-ancestors 'none'; require-trusted-types-for 'script'; trusted-types trunkline"

// defended sets what keeps browsers from being used against us, on every answer.
func (s *Server) defended(h http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		head := w.Header()
		head.Set("X-Content-Type-Options", "nosniff")
		head.Set("Content-Security-Policy", pagePolicy)
		head.Set("X-Frame-Options", "DENY")
		head.Set("Referrer-Policy", "no-referrer")
		head.Set("Cross-Origin-Opener-Policy", "same-origin")
		head.Set("Cross-Origin-Resource-Policy", "same-origin")
		head.Set("Permissions-Policy", "microphone=(self), camera=(), geolocation=()")
		s.strict(w, r)
		h.ServeHTTP(w, r)
	})
}

// pageFile answers with a file of the page; false: there is none of that path.
func (s *Server) pageFile(w http.ResponseWriter, r *http.Request) bool {
	a, there := assets()[r.URL.Path]
	if !there || r.Method != http.MethodGet && r.Method != http.MethodHead {
		return false
	}
	if s.elevated(w, r) {
		return true
	}
	head := w.Header()
	head.Set("ETag", a.etag)
	head.Set("Cache-Control", "no-cache") // kept, and asked for anew: the page and the switch are of one version
	head.Set("Vary", "Accept-Encoding")
	if match := r.Header.Get("If-None-Match"); match != "" && strings.Contains(match, a.etag) {
		w.WriteHeader(http.StatusNotModified)
		return true
	}
	head.Set("Content-Type", a.kind)
	text := a.plain
	if a.zipped != nil && takesGzip(r) {
		head.Set("Content-Encoding", "gzip")
		text = a.zipped
	}
	if r.Method == http.MethodGet {
		_, _ = w.Write(text)
	}
	return true
}

func takesGzip(r *http.Request) bool {
	for _, part := range strings.Split(r.Header.Get("Accept-Encoding"), ",") {
		name, q, _ := strings.Cut(strings.TrimSpace(part), ";")
		if name == "gzip" && strings.TrimSpace(q) != "q=0" {
			return true
		}
	}
	return false
}
