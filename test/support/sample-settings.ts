/** The settings of docs/contracts.md, every line of them. */
export const SAMPLE = `mode = "observe"                    # or "enforce"; a new installation observes
[site]
name = "head-office"
timezone = "Europe/Berlin"          # IANA
country = "DE"                      # ISO 3166-1: how people dial here
currency = "EUR"
[dialing]
outside = ""                        # prefix for an outside line, if any
international = ["00", "011"]       # also + always
internal = "^[1-9][0-9]{1,4}$"      # what is an extension
emergency = ["110", "112"]          # never blocked, never hung up, by any rule
[hours]
open = ["Mon-Fri 08:00-18:00", "Sat 09:00-13:00"]
holidays = "DE-BE"                  # public holidays of a country or region; "" for none
closed = ["2026-12-24..2027-01-01"] # extra closures
open_on = ["2026-12-27 10:00-14:00"]
[accounts."2001"]                   # one extension or trunk
hours = "always"                    # or its own list
[groups.night]
members = ["2002", "2003"]
hours = ["Mon-Sun 20:00-06:00"]
[asterisk.cdr]
path = "/var/log/asterisk/cdr-csv/Master.csv"
utc = true                          # cdr.conf usegmtime; false = local time of site.timezone
[asterisk.ami]
host = "127.0.0.1"
port = 5038
tls = false
username = "ringfence"
secret_file = "ami.secret"
[hep]
listen = ["udp:127.0.0.1:9060"]     # udp: tcp: tls:
allow = ["127.0.0.1"]               # capture agents; anything else is counted and dropped
password_file = "hep.password"      # HEP auth key, optional
[kamailio]
rpc = "udp:127.0.0.1:8091"          # optional; or http://127.0.0.1:port/rpc
[network]
local = ["10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16"]
pbx = ["192.0.2.10"]                # the PBX's own addresses
trunks = [{ name = "carrier", addresses = ["198.51.100.0/28"] }]   # name = the trunk's endpoint in Asterisk
never_block = []
[tariff]
file = "tariff.csv"                 # optional; relative to this file
[store]
path = "/var/lib/ringfence/ringfence.db"
keep = "90d"                        # then purged
anonymise = true                    # masks numbers in what stays
[console]
listen = "127.0.0.1:8089"           # "" = no console
[detect.out-of-hours-calls]         # a detector's parameters, by its name
window = "12h"
[respond]
defaults = true                     # the shipped rules follow those below
[[respond.rules]]
detector = "scan"
do = ["block-address"]
for = "3d"
[respond.observe]
accounts = ["2001"]                 # never acted upon
[notify.mail]
to = ["admin@example.net"]
[notify.webhook]
url = "http://127.0.0.1/x"
[notify.syslog]
`;
