# cmd: one file per command, over cmd/common.
bin_PROGRAMS += mesh mesh-down mesh-ip mesh-ping mesh-status mesh-up mesh-wait \
    mesh-whois

# The dispatcher needs nothing but libc and a little text.
mesh_SOURCES = %D%/mesh.c
mesh_LDADD = libmesh.la

# Commands link the shared library.
NODE_LIBS = libmesh-node.la libmesh-cmd.la libmesh.la

mesh_down_SOURCES = %D%/mesh-down.c
mesh_down_LDADD = $(NODE_LIBS)
mesh_ip_SOURCES = %D%/mesh-ip.c
mesh_ip_LDADD = $(NODE_LIBS)
mesh_ping_SOURCES = %D%/mesh-ping.c
mesh_ping_LDADD = $(NODE_LIBS)
mesh_status_SOURCES = %D%/mesh-status.c
mesh_status_LDADD = $(NODE_LIBS)
mesh_up_SOURCES = %D%/mesh-up.c
mesh_up_LDADD = $(NODE_LIBS)
mesh_wait_SOURCES = %D%/mesh-wait.c
mesh_wait_LDADD = $(NODE_LIBS)
mesh_whois_SOURCES = %D%/mesh-whois.c
mesh_whois_LDADD = $(NODE_LIBS)

# The administrator's.
bin_PROGRAMS += mesh-authkey mesh-node mesh-policy mesh-route mesh-user
ADMIN_LIBS = libmesh-admin.la libmesh-cmd.la libmesh.la
mesh_authkey_SOURCES = %D%/mesh-authkey.c
mesh_authkey_LDADD = $(ADMIN_LIBS)
mesh_node_SOURCES = %D%/mesh-node.c
mesh_node_LDADD = $(ADMIN_LIBS)
mesh_policy_SOURCES = %D%/mesh-policy.c
mesh_policy_LDADD = $(ADMIN_LIBS)
mesh_route_SOURCES = %D%/mesh-route.c
mesh_route_LDADD = $(ADMIN_LIBS)
mesh_user_SOURCES = %D%/mesh-user.c
mesh_user_LDADD = $(ADMIN_LIBS)

# One step each.
bin_PROGRAMS += mesh-key mesh-netmap
mesh_key_SOURCES = %D%/mesh-key.c
mesh_key_LDADD = libmesh-cmd.la libmesh.la
mesh_netmap_SOURCES = %D%/mesh-netmap.c
mesh_netmap_LDADD = $(NODE_LIBS)
