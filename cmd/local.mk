include cmd/common/local.mk
include cmd/commands.mk
include cmd/meshd/local.mk
include cmd/mesh-controld/local.mk
include cmd/mesh-relayd/local.mk
