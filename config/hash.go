package config

import (
	"crypto/sha256"
	"encoding"
	"encoding/binary"
	"encoding/hex"
	"math"
	"reflect"
	"strconv"
)

// Hash is a short text that changes when the effective configuration does.
// Secrets, the file's name, its layout and comments are not part of it: the
// hash is journalled and logged, and must not help to guess a password.
func (c *Config) Hash() string {
	plain := *c
	plain.File, plain.Warnings = "", nil
	h := hasher{known: make(map[reflect.Type][]int)}
	sum := sha256.Sum256(h.value(nil, reflect.ValueOf(&plain).Elem()))
	return hex.EncodeToString(sum[:8])
}

// hasher writes values so that two that differ in more than secrets never read alike.
type hasher struct {
	known map[reflect.Type][]int // the fields that count; nil: the type is written as its text
}

// fields lists those of a struct that count.
func (h *hasher) fields(t reflect.Type) []int {
	all, met := h.known[t]
	if met {
		return all
	}
	if !t.Implements(reflect.TypeFor[encoding.TextMarshaler]()) { // netip's do
		all = []int{}
		for i := range t.NumField() {
			if f := t.Field(i); f.IsExported() && f.Type != reflect.TypeFor[Secret]() {
				all = append(all, i)
			}
		}
	}
	h.known[t] = all
	return all
}

// value appends a value to b: of a struct the fields that are there, by their numbers.
func (h *hasher) value(b []byte, v reflect.Value) []byte {
	switch v.Kind() {
	case reflect.Struct:
		fields := h.fields(v.Type())
		if fields == nil {
			return text(b, v.Interface().(encoding.TextMarshaler))
		}
		for _, i := range fields {
			if f := v.Field(i); !absent(f) {
				b = h.value(binary.AppendUvarint(b, uint64(i+1)), f)
			}
		}
		return append(b, 0)
	case reflect.Slice:
		b = binary.AppendUvarint(b, uint64(v.Len()))
		for i := range v.Len() {
			b = h.value(b, v.Index(i))
		}
		return b
	case reflect.Pointer:
		return h.value(b, v.Elem())
	case reflect.String:
		b = binary.AppendUvarint(b, uint64(v.Len()))
		return append(b, v.String()...)
	case reflect.Bool:
		return strconv.AppendBool(b, v.Bool())
	}
	switch {
	case v.CanInt():
		return binary.AppendVarint(b, v.Int())
	case v.CanUint():
		return binary.AppendUvarint(b, v.Uint())
	case v.CanFloat():
		return binary.AppendUvarint(b, math.Float64bits(v.Float()))
	}
	panic("config: a " + v.Type().String() + " has no place in the hash")
}

// absent says that nothing is to be written of a field; a struct writes an end where it has nothing.
func absent(f reflect.Value) bool {
	switch f.Kind() {
	case reflect.Slice, reflect.String:
		return f.Len() == 0
	case reflect.Struct:
		return false
	}
	return f.IsZero()
}

func text(b []byte, m encoding.TextMarshaler) []byte {
	text, err := m.MarshalText()
	if err != nil {
		panic("config: the types always marshal: " + err.Error())
	}
	return append(binary.AppendUvarint(b, uint64(len(text))), text...)
}
