# tracer: data incident correlation for PostgreSQL
#
# `make help` lists what a person types. PGXS does the building; the SQL of each
# room is concatenated, in dependency order, into one install script.

EXTENSION  = tracer
EXTVERSION = $(shell sed -n "s/^default_version *= *'\(.*\)'/\1/p" tracer.control)
MODULE_big = tracer
PG_CONFIG ?= pg_config

# The rooms, lowest first: a room may call the ones before it, never after.
ROOMS = table setting guest lineage sqltext alert incident learn database report gateway intake notify worker doctor maintain access

OBJS = $(patsubst %.c,%.o,$(wildcard src/*.c $(foreach r,$(ROOMS),src/$(r)/*.c)))

# What sends notifications is a library of its own: no process but the sender
# loads it, and libcurl with it.
SEND_OBJS = $(patsubst %.c,%.o,$(wildcard src/send/*.c))
CURL_LIBS = $(shell pkg-config --libs libcurl 2>/dev/null || curl-config --libs 2>/dev/null)
CURL_CFLAGS = $(shell pkg-config --cflags libcurl 2>/dev/null || curl-config --cflags 2>/dev/null)

# Within a room the file named after the room comes first: it holds the tables.
room_sql = $(wildcard src/$(1)/$(1).sql) $(filter-out src/$(1)/$(1).sql,$(sort $(wildcard src/$(1)/*.sql src/$(1)/*/*.sql)))
SQL_PARTS = $(foreach r,$(ROOMS),$(call room_sql,$(r)))

DATA_built = tracer--$(EXTVERSION).sql
DATA       = $(wildcard src/upgrade/tracer--*--*.sql)
ifneq ($(wildcard README.md),)
DOCS       = README.md
endif

REGRESS       = $(patsubst sql/%.sql,%,$(sort $(wildcard sql/*.sql)))
REGRESS_OPTS  = --inputdir=. --outputdir=tmp_check
ISOLATION     = $(patsubst test/specs/%.spec,%,$(sort $(wildcard test/specs/*.spec)))
ISOLATION_OPTS = --inputdir=test --outputdir=tmp_check/isolation

PG_CPPFLAGS = -Isrc -DTRACER_VERSION='"$(EXTVERSION)"' $(CURL_CFLAGS)
PG_CFLAGS   = -Wall -Wextra -Wno-unused-parameter -Wno-sign-compare \
              -Wno-missing-field-initializers -Wno-declaration-after-statement \
              $(if $(WERROR),-Werror) $(EXTRA_CFLAGS)
EXTRA_CLEAN = tracer--*.sql tmp_check build dist contrib/gateway/build $(SEND_OBJS) tracer_send$(DLSUFFIX)

# `help` is the first target of ours, but the build stays the default goal.
.DEFAULT_GOAL = all

ifeq ($(filter help demo test bench accuracy dist gateway,$(MAKECMDGOALS)),)
PGXS := $(shell $(PG_CONFIG) --pgxs 2>/dev/null)
ifneq ($(wildcard $(PGXS)),)
include $(PGXS)

all: tracer_send$(DLSUFFIX)
install: install-send
uninstall: uninstall-send

# Symbols are bound within: other libraries of the server may use the same names.
tracer_send$(DLSUFFIX): $(SEND_OBJS)
	$(if $(CURL_LIBS),,$(error libcurl's headers are missing (Debian: libcurl4-openssl-dev)))
	$(LINK.shared) -Wl,-Bsymbolic -o $@ $(SEND_OBJS) $(LDFLAGS) $(LDFLAGS_SL) $(filter -f%,$(EXTRA_CFLAGS)) $(CURL_LIBS)

install-send: tracer_send$(DLSUFFIX) installdirs
	$(INSTALL_SHLIB) $< '$(DESTDIR)$(pkglibdir)/$<'

uninstall-send:
	rm -f '$(DESTDIR)$(pkglibdir)/tracer_send$(DLSUFFIX)'
else
$(info PostgreSQL's server headers are missing (Debian: postgresql-server-dev-15); `make test` and `make demo` install them)
endif
endif

tracer--$(EXTVERSION).sql: $(SQL_PARTS) src/header.sql Makefile
	@cat src/header.sql > $@.tmp
	@for f in $(SQL_PARTS); do printf -- '\n-- %s\n\n' "$$f"; cat $$f; done >> $@.tmp
	@mv $@.tmp $@

# Few and quick to compile: a changed header rebuilds them all.
$(OBJS) $(OBJS:.o=.bc) $(SEND_OBJS): $(wildcard src/*.h src/*/*.h)

help:
	@echo "tracer: data incident correlation for PostgreSQL"
	@echo
	@echo "  make demo        build, start a throwaway cluster, show four cascades become four incidents"
	@echo "                   KEEP=1 leaves the cluster up; REPORT=n prints another incident's report"
	@echo "  make test        the whole suite: regression, isolation, TAP (installs what it needs on Debian)"
	@echo "                   SUITE=regress|isolation|tap runs one part, T=name the tests of that name"
	@echo "  make bench       speed, as ratios from one run; WORK=name runs one row of the table"
	@echo "  make accuracy    how often it is right, on other people's data (DATA=folder, default ../shared/data);"
	@echo "                   PART=petshop|simulated|peers|alarms runs one part, FULL=1 the whole sweep"
	@echo "  make             build; make install installs into the server of PG_CONFIG=$(PG_CONFIG)"
	@echo "  make gateway     build contrib/gateway, which takes alerts over HTTP; make -C contrib/gateway install"
	@echo "  make dist        a source archive in dist/"
	@echo "  make clean       remove what was built"
	@echo
	@echo "  WERROR=1 makes warnings errors; EXTRA_CFLAGS= adds flags"

demo:
	@KEEP="$(KEEP)" REPORT="$(REPORT)" PG_CONFIG="$(if $(filter-out pg_config,$(PG_CONFIG)),$(PG_CONFIG))" sh test/lib/demo.sh

test:
	@SUITE="$(SUITE)" T="$(T)" PG_CONFIG="$(if $(filter-out pg_config,$(PG_CONFIG)),$(PG_CONFIG))" sh test/lib/run.sh

bench:
	@WORK="$(WORK)" PG_CONFIG="$(if $(filter-out pg_config,$(PG_CONFIG)),$(PG_CONFIG))" bash test/bench/run.sh

accuracy:
	@PART="$(PART)" FULL="$(FULL)" $(if $(filter-out file,$(origin DATA)),DATA="$(DATA)",DATA=) PG_CONFIG="$(if $(filter-out pg_config,$(PG_CONFIG)),$(PG_CONFIG))" sh test/accuracy/run.sh

gateway:
	@$(MAKE) --no-print-directory -C contrib/gateway BUILD=build PG_CONFIG="$(PG_CONFIG)" $(if $(WERROR),WERROR=1)

dist:
	@mkdir -p dist && git archive --format=tar.gz --prefix=tracer-$(EXTVERSION)/ -o dist/tracer-$(EXTVERSION).tar.gz HEAD && ls dist

.PHONY: help demo test bench gateway accuracy dist install-send uninstall-send
