# cmd/mesh-relayd
