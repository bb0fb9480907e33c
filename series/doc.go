// Package series keeps what each version did over the last hours, in bounded memory:
// by the second for five minutes, by ten seconds for an hour, by the minute for six
// hours. It reads the recorders beside everybody else and resets nothing.
// Keeper.Run samples in the goroutine that calls it.
package series
