# cmd/meshd
