#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Makes in FOLDER what a TLS test needs: an authority (ca.crt), a server's and a client's key and
# certificate signed by it, and a stranger's authority (stranger.crt) that signed none of them.
set -eu
cd "${1:?folder}"

key() {
	openssl ecparam -name prime256v1 -genkey -noout -out "$1.key" 2>/dev/null
}

authority() {
	key "$1"
	openssl req -x509 -new -key "$1.key" -days 2 -subj "/CN=$1" -out "$1.crt" 2>/dev/null
}

# signed NAME EXTENSIONS
signed() {
	key "$1"
	printf '%s\n' "$2" >"$1.ext"
	openssl req -new -key "$1.key" -subj "/CN=$1" 2>/dev/null |
		openssl x509 -req -CA ca.crt -CAkey ca.key -CAcreateserial -days 2 \
			-extfile "$1.ext" -out "$1.crt" 2>/dev/null
}

authority ca
authority stranger
signed server 'subjectAltName=DNS:localhost,IP:127.0.0.1'
signed client 'extendedKeyUsage=clientAuth'
