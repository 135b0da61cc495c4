package checkpoint

import (
	"strings"
	"time"
)

// versionLayout is the only form of a version: UTC, and of one width, so that
// versions compare as text.
const versionLayout = "2006-01-02T15:04:05.000000000Z"

// digits are those of base 64 in the order of ASCII, so that numbers of one
// width compare as text.
const digits = "-0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ_abcdefghijklmnopqrstuvwxyz"

// A version is 7 digits of seconds and 5 of nanoseconds. Seconds count from the
// one before year 0, the first that versionLayout can say, so that nothing but
// the empty version is zero.
const (
	secondsWidth = 7
	secondsYear0 = -62167219200
)

// toDigits returns the last width digits of n.
func toDigits(n int64, width int) string {
	b := make([]byte, width)
	for i := range b {
		b[i] = digits[n>>(6*(width-1-i))&63]
	}
	return string(b)
}

// fromDigits is the reverse of toDigits, for what isNumber.
func fromDigits(text string) int64 {
	var n int64
	for i := range len(text) {
		n = n<<6 | int64(strings.IndexByte(digits, text[i]))
	}
	return n
}

// isNumber reports whether text has nothing but digits.
func isNumber(text string) bool { return strings.Trim(text, digits) == "" }

// isVersion reports whether text is a version that unpackVersion can read.
func isVersion(text string) bool {
	return len(text) == versionWidth && isNumber(text) && text <= newestVersion
}

// packVersion returns version in digits, or false if it is not of the form that
// versions have.
func packVersion(version string) (string, bool) {
	if version == "" {
		return toDigits(0, versionWidth), true
	}
	t, err := time.Parse(versionLayout, version)
	// Parse lets pass a comma for the point, which would not compare.
	if err != nil || t.Format(versionLayout) != version {
		return "", false
	}
	return toDigits(t.Unix()-secondsYear0+1, secondsWidth) + toDigits(int64(t.Nanosecond()), versionWidth-secondsWidth), true
}

// unpackVersion is the reverse of packVersion.
func unpackVersion(text string) string {
	seconds, nanoseconds := fromDigits(text[:secondsWidth]), fromDigits(text[secondsWidth:])
	if seconds == 0 {
		return ""
	}
	return time.Unix(seconds+secondsYear0-1, nanoseconds).UTC().Format(versionLayout)
}
