# libmesh/policy: sources, headers, unit tests and fuzz targets of this layer
libmesh_core_la_SOURCES += %D%/names.c %D%/selector.c %D%/parse.c \
    %D%/parse_rules.c %D%/parse_tests.c %D%/parse_ssh.c %D%/parse_app.c \
    %D%/app_filter.c %D%/world.c %D%/sources.c \
    %D%/node_filter.c %D%/visible.c %D%/approve.c %D%/ssh.c %D%/check.c %D%/tests.c
noinst_HEADERS += %D%/policy.h %D%/policy_int.h %D%/parse_int.h

if HAVE_CMOCKA
check_PROGRAMS += tests/unit/test_policy
endif
check_PROGRAMS += tests/fuzz/fuzz_policy
tests_fuzz_fuzz_policy_SOURCES = tests/fuzz/fuzz_policy.c tests/fuzz/main.c
tests_fuzz_fuzz_policy_LDFLAGS = $(AM_LDFLAGS) $(FUZZ_LDFLAGS)

# Beside what another compiler makes of the same policies.
noinst_PROGRAMS += tests/interop/policy_ours
tests_interop_policy_ours_SOURCES = tests/interop/policy_ours.c
noinst_PROGRAMS += tests/interop/policy_probe
tests_interop_policy_probe_SOURCES = tests/interop/policy_probe.c
