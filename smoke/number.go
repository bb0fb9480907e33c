package smoke

import (
	"encoding/json"
	"fmt"
	"strconv"
	"strings"
)

// same compares scalars other than strings: numbers by value, however they are written.
func same(want, got any) bool {
	w, wantsNumber := number(want)
	g, isNumber := got.(json.Number)
	if !wantsNumber || !isNumber {
		return !wantsNumber && !isNumber && want == got // booleans and null
	}
	if w == g {
		return true
	}
	if plainInteger(w) && plainInteger(g) {
		return false // large ones have no room in a float, and JSON knows one way to write each
	}
	wf, wErr := strconv.ParseFloat(string(w), 64)
	gf, gErr := strconv.ParseFloat(string(g), 64)
	return wErr == nil && gErr == nil && wf == gf
}

func plainInteger(n json.Number) bool {
	return n != "-0" && !strings.ContainsAny(string(n), ".eE")
}

// number is a number as the configuration or an answer holds it.
func number(v any) (json.Number, bool) {
	switch v := v.(type) {
	case json.Number:
		return v, true
	case int, int8, int16, int32, int64, uint, uint8, uint16, uint32, uint64:
		return json.Number(fmt.Sprint(v)), true
	case float32:
		return json.Number(strconv.FormatFloat(float64(v), 'g', -1, 32)), true
	case float64:
		return json.Number(strconv.FormatFloat(v, 'g', -1, 64)), true
	}
	return "", false
}
