# cmd/common
