# A thin front for meson: the commands that the README names.

BUILD ?= build

PACKAGES = gcc clang libclang-rt-14-dev meson ninja-build pkg-config \
	libuv1-dev libpaho-mqtt-dev libsqlite3-dev libopenblas-pthread-dev libjansson-dev \
	libinih-dev libsystemd-dev zlib1g-dev libcsv-dev libcmocka-dev libmosquitto-dev \
	mosquitto mosquitto-clients sqlite3 openssl systemd mandoc gawk iproute2 util-linux procps

TEST = meson test --print-errorlogs

AS_ROOT = $(shell [ "$$(id -u)" = 0 ] || echo sudo)

.PHONY: deps build build-clang demo check check-gcc check-clang check-threads valgrind year kills faults flood soak bench install clean

deps:
	@missing=; for package in $(PACKAGES); do \
		dpkg-query -W -f='$${Status}' $$package 2>/dev/null | grep -q 'ok installed' || \
			missing="$$missing $$package"; \
	done; \
	[ -z "$$missing" ] || { $(AS_ROOT) apt-get update -q && \
		$(AS_ROOT) env DEBIAN_FRONTEND=noninteractive apt-get install -q -y \
			--no-install-recommends $$missing; }

# The demo and the check install what is missing, so that each is one command on a fresh machine.
build: deps
	@[ -f $(BUILD)/build.ninja ] || meson setup $(BUILD)
	ninja -C $(BUILD)

demo: build
	sh src/demo/demo.sh $(BUILD)

# Many tests wait for a process more than they compute: meanwhile the next build is made, which gives way to them, and those
# for threads run beside those for memory.
check: build
	$(MAKE) --output-sync -j2 check-gcc build-clang
	$(MAKE) --output-sync -j2 check-clang check-threads

check-gcc: build
	$(TEST) -C $(BUILD) --num-processes $$((2 * $$(nproc)))

# The other compiler, with the address and undefined-behaviour sanitizers.
build-clang: deps
	@[ -f $(BUILD)-clang/build.ninja ] || CC=clang meson setup $(BUILD)-clang \
		-Db_sanitize=address,undefined -Db_lundef=false -Dbench=false
	nice ninja -C $(BUILD)-clang

check-clang: build-clang
	@# The documentation's commands have run in the other build.
	$(TEST) -C $(BUILD)-clang --timeout-multiplier 5 --no-suite docs

# Whatever runs on more than one thread, with the thread sanitizer.
check-threads: deps
	@[ -f $(BUILD)-threads/build.ninja ] || meson setup $(BUILD)-threads \
		-Db_sanitize=thread -Db_lundef=false -Dbench=false
	$(TEST) -C $(BUILD)-threads --timeout-multiplier 5 \
		--suite loop --suite mqtt --suite daemon --suite system

# What valgrind sees and sanitizers do not, above all numbers that nobody has written: in unit tests, and in the daemon of
# the system tests.
VALGRIND = valgrind --quiet --error-exitcode=99 --leak-check=full --errors-for-leak-kinds=definite --fair-sched=yes
valgrind: PACKAGES += valgrind
valgrind: deps
	@[ -f $(BUILD)-valgrind/build.ninja ] || meson setup $(BUILD)-valgrind -Dc_args=-DSANITIZED=1 -Dbench=false
	$(TEST) -C $(BUILD)-valgrind --timeout-multiplier 50 --wrapper '$(VALGRIND)' \
		--suite base --suite series --suite wire --suite mqtt --suite loop --suite store --suite daemon \
		--no-suite native
	RUNNER='$(VALGRIND)' $(TEST) -C $(BUILD)-valgrind --timeout-multiplier 50 --suite system --no-suite native

# A simulated year of a thousand series, each with a reading every eight hours.
year: build
	$(BUILD)/tests/sim/year config/models/base-2.safetensors 250 28800000 365

# Five hundred kill -9 at any moment, after which not a bit may differ.
kills: build
	meson test -C $(BUILD) resume --test-args=500 --timeout-multiplier 30 --verbose

# Each allocation of a daemon's life fails in turn, and each write, sync and opening of a file.
faults: build
	meson test -C $(BUILD) memory --test-args=1 --timeout-multiplier 100 --verbose
	meson test -C $(BUILD) writes --test-args=every --timeout-multiplier 100 --verbose

# A million topics, of which the limits let twenty thousand in.
flood: build
	XLSTMD=$(BUILD)/src/daemon/xlstmd $(BUILD)/tests/system/flood 1000000

# The daemon at work for an hour: a thousand readings a second, and forty under the sanitizers.
SECONDS ?= 3600
SOAK = env SUPPORT=tests/support MODEL=$(abspath config/models/base-2.safetensors) XLSTMCTL=$(abspath $(BUILD))/src/cli/xlstmctl
soak: build build-clang
	$(SOAK) XLSTMD=$(abspath $(BUILD))/src/daemon/xlstmd sh tests/system/soak.sh $(SECONDS) 50
	$(SOAK) XLSTMD=$(abspath $(BUILD)-clang)/src/daemon/xlstmd sh tests/system/soak.sh $(SECONDS) 2

bench: build
	meson test -C $(BUILD) --benchmark --verbose

install: build
	meson install -C $(BUILD)

clean:
	rm -rf $(BUILD) $(BUILD)-clang $(BUILD)-threads $(BUILD)-valgrind
