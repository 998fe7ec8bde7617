# cmd: one file per command
