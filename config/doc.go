// Package config reads trunkline.yaml.
//
// It owns the shape of the file, the defaults, the strict reading of it, and
// the words that tell an operator what is wrong with it and what would be
// right. Every problem of a file is found in one reading and carries its file,
// line, column and key. The reader accepts nothing it does not know: an
// unknown key, a duplicate, a value of the wrong type, a name that refers to
// nothing are errors. What is allowed but surely not meant is a warning.
//
// Only cmd/trunkline imports this package; each other room has a small Config
// of its own, and the wiring maps this file to them. It is the only importer
// of the YAML library, and of the JSON Schema libraries in its tests.
//
// Caveats: reading expands ${NAME} from the environment and ${file:PATH} from
// the disk, so two readings of one file may differ. Secrets do not print
// (fmt, slog, JSON and YAML show ****) and are not part of Hash.
//
// schema.json is made from the types, for editors:
//
//go:generate go test -run TestSchemaIsMadeFromTheTypes . -update
package config
