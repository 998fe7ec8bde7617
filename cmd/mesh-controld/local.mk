# cmd/mesh-controld
