# tests/cmd: commands as their users run them
EXTRA_DIST += %D%/tap.sh
dist_check_SCRIPTS += %D%/key.sh %D%/manual.sh %D%/netmap.sh %D%/policy.sh
