#!/bin/bash
# SPDX-License-Identifier: ISC
# What is on disk goes wrong, with stock nodes of three releases on the other
# end: the control server's disk is full; files of its state and of our nodes'
# are cut off at several lengths. Either it works as before, or it says which
# file is to be restored, and works when it has been; what was acknowledged is
# there.
. "${top_srcdir:-$(dirname "$0")/../..}/tests/interop/lib.sh"
need tailscale-1.80/tailscaled tailscale-1.92/tailscaled \
    tailscale-1.102/tailscaled tailscale-1.102/derper
need_ours mesh-controld mesh-user mesh-authkey mesh-node meshd meshd-agent \
    meshd-engine mesh-up mesh-ping mesh-ip mesh-wait mesh-status
net_begin
trap 'umount -l "$NET/control"; net_end' EXIT

CTL=203.0.113.10 RELAY=203.0.113.11
URL=https://$CTL
RELEASES='80 92 102'
internet
host ctl $CTL
host relay $RELAY
for r in $RELEASES; do # s: joins, n: comes later, o: ours
	host s$r 203.0.113.$((20 + r % 10 + r / 10))
	host n$r 203.0.113.$((60 + r % 10 + r / 10))
	host o$r 203.0.113.$((100 + r % 10 + r / 10))
done
mkdir -p "$NET/cert" "$NET/control"
mount -t tmpfs -o size=2m,mode=700 none "$NET/control" 2>/dev/null ||
    skip_all "tmpfs cannot be mounted here"
make_cert "$NET/cert/relay.test" relay.test $RELAY
make_cert "$NET/cert/control.test" control.test $CTL
cat "$NET"/cert/*.test.crt >"$NET/cert/ca.crt"
relay_map $RELAY relay.test >"$NET/relays.yaml"
start_derper relay relay.test
control() { start_controld ctl $CTL "$NET/relays.yaml"; }
check "control starts" control
admin user add alice >/dev/null
admin authkey create --user alice --reusable >"$NET/key"
stock_joins() { tailscale_up "$1" $URL --timeout=15s; }
for r in $RELEASES; do
	later "s$r starts" start_tailscaled s$r tailscale-1.$r
	later "n$r starts" start_tailscaled n$r tailscale-1.$r
	later "o$r starts" start_meshd o$r --port 41641
done
all_of
for r in $RELEASES; do
	later "s$r joins" stock_joins s$r
	later "o$r joins" mesh_up o$r $URL
done
all_of
for r in $RELEASES; do
	tailscale s$r ip -4 >"$NET/s$r.addr"
	mesh o$r ip -4 >"$NET/o$r.addr"
done
addr() { cat "$NET/$1.addr"; }
each() { # ROW NAME COMMAND ... RELEASE
	for r in $RELEASES; do
		cell faults "$1" "1.$r" >/dev/null
		later "1.$r: $2" "${@:3}" $r
	done
	all_of
}
echoes() {
	in_host o$1 ping -nq -c 1 -W 2 "$(addr s$1)" &&
	    in_host s$1 ping -nq -c 1 -W 2 "$(addr o$1)"
}
talk() { wait_for 20 echoes "$1"; }
each 'full disk at control' 'ours and it reach each other' talk

# --- a full disk
n=0
cat /dev/zero >"$NET/control/filler" 2>/dev/null
while [ $n -lt 500 ] && admin user add "user$n" >/dev/null 2>&1; do
	n=$((n + 1))
done
say "$n users had room left"
refused() { ! stock_joins n$1; }
each 'full disk at control' 'a new stock node is not let in' refused
each 'full disk at control' 'those that are in go on' talk
check "the log says why" wait_for 5 grep "cannot be written: no space on the disk" \
    "$NET/controld.log"
rm "$NET/control/filler"
admitted() { wait_for 40 stock_joins n$1; }
each 'full disk at control' 'room again: it joins' admitted
check "every user that was acknowledged is there" test \
    "$(admin user list | grep -c '\buser[0-9]')" -eq $n
stop controld
check "control starts again" control
check "and still has them" test "$(admin user list | grep -c '\buser[0-9]')" -eq $n

# --- control's files, cut off: it refuses with a word about the file, and starts
# when that is restored; or it starts, and nothing is missing.
admin node list >"$NET/nodes.before"
count_before=$(wc -l <"$NET/nodes.before")
row='a state file of control is cut off'
refused_to_start() { # FILE
	rm -f "$NET/control.sock"
	: >"$NET/controld.log"
	in_host ctl timeout 10 "$builddir/mesh-controld" --state "$NET/control" \
	    --listen $CTL:443 --url $URL --cert "$NET/cert/control.test.crt" \
	    --key "$NET/cert/control.test.key" --relay-map "$NET/relays.yaml" \
	    --socket "$NET/control.sock" --dns-suffix mesh.test \
	    >"$NET/refused.log" 2>&1
	[ $? -ne 124 ] && grep -q "$1" "$NET/refused.log"
}
has_all() {
	[ "$(admin node list | wc -l)" -eq "$count_before" ] &&
	    [ "$(admin user list | grep -c '\buser[0-9]')" -eq $n ]
}
cuts() { # SIZE: lengths to try
	printf '%s\n' 0 $(($1 / 3)) $(($1 - 1)) | sort -nu
}
starts_or_says() { # FILE
	if refused_to_start "$1"; then
		cp "$NET/control.good/$1" "$NET/control/$1" &&
		    cat "$NET/refused.log"
	fi
	control && has_all && stop controld KILL
}
sleep 2 # what was written goes into the database
stop controld KILL
cp -a "$NET/control" "$NET/control.good"
for f in $(cd "$NET/control.good" && find . -type f -size +0 -printf '%P\n'); do
	for cut in $(cuts "$(stat -c %s "$NET/control.good/$f")"); do
		rm -f "$NET"/control/*
		cp -a "$NET"/control.good/* "$NET/control/"
		truncate -s "$cut" "$NET/control/$f"
		for r in $RELEASES; do
			cell faults "$row" 1.$r >/dev/null
		done
		check "control, $f cut off at $cut: works, or says so" starts_or_says "$f"
	done
done
check "control starts with all that was there" control
online() { tailscale s$1 status --json | jq -e '.Self.Online' | grep -q true; }
each "$row" 'it is online again' wait_for 60 online
each "$row" 'ours and it reach each other' talk

# --- our nodes' files
row="a state file of ours is cut off"
begin() { # without waiting: it may end at once
	rm -f "$NET/$1.sock"
	start $1 meshd-$1 env SSL_CERT_FILE="$NET/cert/ca.crt" \
	    "$builddir/meshd" --state "$NET/$1" --socket "$NET/$1.sock" \
	    --tun mesh0 --port 41641
}
# It runs, or it has said which file is wrong.
decided() { # NODE FILE
	grep -q "$2" "$NET/meshd-$1.log" ||
	    MESH_TIMEOUT=2 mesh $1 wait running --timeout 1s
}
itself() { # RELEASE
	wait_for 15 echoes $1 && [ "$(mesh o$1 ip -4)" = "$(addr o$1)" ]
}
again_from() { # NODE FOLDER
	stop meshd-$1 KILL
	rm -rf "$NET/$1"
	cp -a "$2" "$NET/$1"
	: >"$NET/meshd-$1.log"
}
cut_ours() { # RELEASE
	h=o$1 bad=0
	stop meshd-$h
	cp -a "$NET/$h" "$NET/$h.good"
	while read -r size f; do
		for cut in $(cuts "$size"); do
			again_from $h "$NET/$h.good"
			truncate -s "$cut" "$NET/$h/$f"
			begin $h
			wait_for 10 decided $h "$(basename "$f")" ||
			    { echo "$f at $cut: neither runs nor says why"; bad=1; }
			if ! MESH_TIMEOUT=4 mesh $h wait running --timeout 3s; then
				again_from $h "$NET/$h.good"
				begin $h
			fi
			itself $1 || { echo "$f at $cut: no longer itself"; bad=1; }
		done
	done < <(find "$NET/$h.good" -type f -size +0 -printf '%s %P\n')
	[ $bad -eq 0 ]
}
each "$row" 'each file, several lengths' cut_ours
each "$row" 'all is as before' talk
for r in $RELEASES; do
	stop meshd-o$r
done
[ "$tap_failed" -eq 0 ] || trace 15
done_testing
