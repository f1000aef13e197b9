# A thin front for meson: the commands that the README names.

BUILD ?= build

PACKAGES = gcc clang libclang-rt-14-dev meson ninja-build pkg-config \
	libuv1-dev libpaho-mqtt-dev libsqlite3-dev libopenblas-pthread-dev libjansson-dev \
	libinih-dev libsystemd-dev zlib1g-dev libcsv-dev libcmocka-dev libmosquitto-dev \
	mosquitto mosquitto-clients sqlite3 openssl systemd mandoc gawk

SUDO = $(shell [ "$$(id -u)" = 0 ] || echo sudo)

.PHONY: deps build check bench install

deps:
	@missing=; for package in $(PACKAGES); do \
		dpkg-query -W -f='$${Status}' $$package 2>/dev/null | grep -q 'ok installed' || \
			missing="$$missing $$package"; \
	done; \
	[ -z "$$missing" ] || { $(SUDO) apt-get update -q && \
		DEBIAN_FRONTEND=noninteractive $(SUDO) apt-get install -q -y \
			--no-install-recommends $$missing; }

$(BUILD)/build.ninja:
	meson setup $(BUILD)

build: $(BUILD)/build.ninja
	ninja -C $(BUILD)

check: build
	meson test -C $(BUILD) --print-errorlogs

bench: build
	meson test -C $(BUILD) --benchmark --verbose

install: build
	meson install -C $(BUILD)
