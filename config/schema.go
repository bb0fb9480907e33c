package config

import (
	"bytes"
	"encoding/json"
)

// schemaID is where the schema is published, for editors.
const schemaID = "https://sluice.dev/schema/sluice.schema.json"

// Schema is the JSON Schema (draft 2020-12) of the file, made from the same
// tables that read it. It knows forms, not what values mean to each other: a file that it
// accepts may still have faults. A comment in the file leads editors to it:
// # yaml-language-server: $schema=…
func Schema() []byte {
	s := configKind().schema
	s["$schema"] = "https://json-schema.org/draft/2020-12/schema"
	s["$id"] = schemaID
	s["title"] = "sluice.yaml"
	s["patternProperties"] = map[string]any{"^x-": true}
	var out bytes.Buffer
	enc := json.NewEncoder(&out)
	enc.SetEscapeHTML(false)
	enc.SetIndent("", "  ")
	if err := enc.Encode(s); err != nil {
		panic("config: schema holds a value that JSON has not: " + err.Error())
	}
	return out.Bytes()
}
