package api

import (
	"encoding/json"
	"errors"
	"net/http"
)

// Error is a refusal, as it crosses the wire.
type Error struct {
	// Status is the HTTP status.
	Status int `json:"-"`
	// What is wrong.
	What string `json:"error"`
	// Cure says what would be right; empty where nothing can be done.
	Cure string `json:"cure,omitempty"`
	// Details are further lines, such as the problems of a configuration.
	Details []string `json:"details,omitempty"`
}

// Error is what is wrong and the cure.
func (e *Error) Error() string {
	if e.Cure == "" {
		return e.What
	}
	return e.What + ": " + e.Cure
}

// refusal makes an error answer of err. An *Error without a status is the
// caller's mistake: 400. Errors that are not made for the wire become a 500
// with their text: the reader of the socket is the operator.
func refusal(err error) *Error {
	var e *Error
	if errors.As(err, &e) {
		if e.Status == 0 {
			c := *e
			c.Status = http.StatusBadRequest
			return &c
		}
		return e
	}
	return &Error{Status: http.StatusInternalServerError, What: err.Error(), Cure: "see the log of the switch"}
}

// answer writes v, or the refusal, as JSON. That a client has gone meanwhile is its own affair.
func answer(w http.ResponseWriter, v any, err error) {
	status := http.StatusOK
	if err != nil {
		e := refusal(err)
		status, v = e.Status, e
	}
	text, err := json.MarshalIndent(v, "", "  ")
	if err != nil {
		status, text = http.StatusInternalServerError, []byte(`{"error": "the answer cannot be written as JSON"}`)
	}
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_, _ = w.Write(append(text, '\n'))
}
