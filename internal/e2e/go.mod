module sluice/internal/e2e

go 1.26.0

require (
	github.com/coder/websocket v1.8.15
	github.com/mccutchen/go-httpbin/v2 v2.26.0
	sluice v0.0.0-00010101000000-000000000000
)

require golang.org/x/sys v0.49.0 // indirect

replace sluice => ../..
