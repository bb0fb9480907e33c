module sluice/internal/e2e

go 1.26.0

require (
	github.com/coder/websocket v1.8.15 // indirect
	github.com/mccutchen/go-httpbin/v2 v2.26.0 // indirect
	sluice v0.0.0
)

replace sluice => ../..
