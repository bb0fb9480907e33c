// Command sluice is a reverse proxy that splits traffic between versions of a
// service and cuts a bad one off by itself.
package main

func main() {}
