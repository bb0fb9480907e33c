package main

import (
	"errors"
	"log/slog"
	"os"

	"sluice/config"
	"sluice/proxy"
)

// settings are the proxy's own, from the configuration.
func settings(cfg *config.Config) proxy.Settings {
	p := cfg.Proxy
	return proxy.Settings{
		HeadTimeout: p.HeadTimeout, KeepAliveTimeout: p.KeepAliveTimeout,
		BodyTimeout: p.BodyTimeout, WriteTimeout: p.WriteTimeout,
		MinBodyRate: p.MinBodyRate, MaxHeadBytes: p.MaxHeadBytes, MaxHeaders: p.MaxHeaders,
		MaxConnections: p.MaxConnections, TrustedProxies: cfg.TrustedProxies,
		Via: p.Via, Underscores: p.Underscores,
	}
}

func accessLogOptions(l config.AccessLog, logger *slog.Logger) proxy.AccessLogOptions {
	return proxy.AccessLogOptions{Path: l.Path, Format: l.Format, Sample: l.Sample, Logger: logger}
}

// newLogger makes the process's own log, on stderr.
func newLogger(l config.Log) *slog.Logger {
	var level slog.Level
	if err := level.UnmarshalText([]byte(l.Level)); err != nil {
		level = slog.LevelInfo // the configuration has been checked; an empty level means info
	}
	options := &slog.HandlerOptions{Level: level}
	if l.Format == "json" {
		return slog.New(slog.NewJSONHandler(os.Stderr, options))
	}
	return slog.New(slog.NewTextHandler(os.Stderr, options))
}

// needRestart names the settings of next that a reload does not bring into
// force, as they belong to what the process opened when it began.
func needRestart(began, next *config.Config) (parts []string) {
	if began.AccessLog != next.AccessLog {
		parts = append(parts, "access_log")
	}
	if began.Log != next.Log {
		parts = append(parts, "log")
	}
	if began.State.Dir != next.State.Dir {
		parts = append(parts, "state.dir")
	}
	return parts
}

// logFaults logs every fault of a configuration, one a line.
func logFaults(logger *slog.Logger, message string, err error) {
	var faults config.Faults
	if !errors.As(err, &faults) {
		logger.Error(message, "error", err)
		return
	}
	logger.Error(message, "faults", len(faults))
	for _, f := range faults {
		logger.Error("configuration fault", "fault", f.Error())
	}
}

// logInactive says plainly what the file asks for that this release does not do.
func logInactive(logger *slog.Logger, cfg *config.Config) {
	for _, part := range cfg.Inactive() {
		logger.Warn("not active in this release", "part", part)
	}
}
