// Package deploy holds the files to deploy sluice with, so that the binary can
// write them out. See README.md in this directory.
package deploy

import "embed"

// Files are the deployment files, by their paths in this directory.
//
//go:embed README.md single-server kubernetes ecs hybrid keda hpa
var Files embed.FS
