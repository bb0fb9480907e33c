module sluice/internal/conformance

go 1.26.0
