# man: manual pages (mdoc)
dist_man_MANS += %D%/mesh.1 %D%/mesh-authkey.1 %D%/mesh-down.1 \
    %D%/mesh-exit.7 %D%/mesh-ip.1 %D%/mesh-key.1 %D%/mesh-netmap.1 \
    %D%/mesh-node.1 %D%/mesh-ping.1 %D%/mesh-policy.1 %D%/mesh-route.1 %D%/mesh-status.1 \
    %D%/mesh-up.1 %D%/mesh-user.1 %D%/mesh-wait.1 %D%/mesh-whois.1
