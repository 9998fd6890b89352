"""Logs as an IT service company writes them, and lines of an article that are true or not. By hand; see test_wiki_claims."""

from __future__ import annotations

LOGS = [
    """## User
- **User:** Mike Swanson (mike)
- **Machine:** MIKE-LT04
## Session Summary
Onboarded Nordwind GmbH. The site has a FortiGate 60F (FW-NORD01) with firmware 7.2.5, WAN 203.0.113.18/29, LAN gateway 10.20.1.1.
The domain controller NORD-DC01 (10.20.1.10, Windows Server 2019) also serves DHCP and DNS. Scope 10.20.1.100-10.20.1.199, lease time 8 hours.
File server NORD-FS01 at 10.20.1.11 holds D:\\Shares\\Daten and D:\\Shares\\Scan. Backups go to the Synology NORD-NAS01 (10.20.1.20, DSM 7.1-42661) at 01:30 and are kept for 30 days.
## Key Decisions
- VLAN 10 for servers, VLAN 20 for clients, VLAN 30 for guests and VLAN 40 for phones.
## Infrastructure & Servers
| Host | IP | MAC | Serial |
|---|---|---|---|
| NORD-DC01 | 10.20.1.10 | 00:15:5D:01:0A:10 | CZJ1234ABC |
| NORD-FS01 | 10.20.1.11 | 00:15:5D:01:0A:11 | CZJ1234ABD |
| NORD-SW01 | 10.20.1.2 | 70:4C:A5:11:22:33 | S124EN5919001122 |
- Microsoft 365 tenant nordwind.onmicrosoft.com, ID 8b1f2a3c-1111-4222-8333-9a9b9c9d9e9f
- Phones: Zoe Hartmann +49 30 8877-120, ext. 120; Jan Peters ext. 121; reception 100
- Internet: Telekom 250/40 Mbit/s, customer number 5512345678, 89,95 € per month
## Pending / Incomplete Tasks
- Upgrade FW-NORD01 to 7.4.3
- Move the printers to VLAN 50
## Reference Information
- Ticket #48211, quote 2026-118 over $4.5k
- https://fw.nordwind.example:10443/ is the firewall's UI
""",
    """## Session Summary
Moved the backup window: NORD-NAS01 now starts at 23:15 instead of 01:30. Retention raised from 30 to 45 days.
The firewall got firmware 7.4.3. SSL VPN moved from port 443 to port 10444; the old profile was deleted.
Replaced NORD-SW01 with a new switch, S/N S124EN5919009999, same address.
## Problems Encountered
- NORD-FS01 lost its disk D:; restored from NORD-NAS01. The share was renamed from Daten to D:\\Shares\\Data.
## Infrastructure & Servers
- NORD-RDS01: 10.20.1.15, RDP on 3390, new host for remote desktops
- Hyper-V host ATLAS: 10.20.1.5, iDRAC 10.20.1.6
- Commit 4f2c9d1e7ab0 in the deploy repository sets the GPO HKLM\\SOFTWARE\\Policies\\Google\\Chrome
""",
    """## Session Summary
Decommissioned NORD-RDS01 after the move to Azure Virtual Desktop.
Zoe Hartmann left; her extension 120 went to Priya Nair. The Telekom line was upgraded to 500/100 Mbit/s for 99,95 € per month.
DHCP scope is 10.20.1.120 - 10.20.1.220 now. The lease time stays at 8 hours.
Certificate for fw.nordwind.example renewed, valid until 14 March 2028 (was 14 March 2027).
## Commands & Outputs
```
PS> Get-ADDomainController | fl HostName,IPv4Address
HostName    : NORD-DC02.nordwind.local
IPv4Address : 10.20.1.12
```
""",
]
# A line, and where it is cited: the number of a log and a word of the cited line.
TRUE: list[tuple[str, int, str]] = [
    ("The firewall FW-NORD01 is a FortiGate 60F on firmware 7.4.3.", 2, "7.4.3"),
    ("FW-NORD01 has the WAN address 203.0.113.18/29.", 1, "WAN"),
    ("LAN gateway: 10.20.1.1", 1, "WAN"),
    ("NORD-DC01 (10.20.1.10) is the domain controller and serves DHCP and DNS.", 1, "domain controller"),
    ("DHCP hands out 10.20.1.120-10.20.1.220 with a lease time of 8 hours.", 3, "scope"),
    ("NORD-FS01 (10.20.1.11) holds the shares in `D:\\Shares\\Data` and `D:\\Shares\\Scan`.", 0, ""),
    ("Backups run to NORD-NAS01 at 11:15 pm.", 2, "23:15"),
    ("Backups are kept for 45 days.", 2, "45"),
    ("NORD-NAS01 is a Synology at 10.20.1.20.", 1, "Synology"),
    ("Servers are in VLAN 10, clients in VLAN 20, guests in VLAN 30, phones in VLAN 40.", 1, "VLAN 10"),
    ("Guest VLAN: 30", 1, "VLAN 10"),
    (
        "| Host | IP | MAC |\n|---|---|---|\n| NORD-DC01 | 10.20.1.10 | 00-15-5d-01-0a-10 |\n| NORD-FS01 | 10.20.1.11 | 0015.5d01.0a11 |",
        0,
        "",
    ),
    ("The switch NORD-SW01 has the serial number S124EN5919009999.", 2, "S/N"),
    ("NORD-SW01 is at 10.20.1.2.", 1, "| NORD-SW01"),
    ("The tenant ID of nordwind.onmicrosoft.com is 8B1F2A3C-1111-4222-8333-9A9B9C9D9E9F.", 1, "tenant"),
    ("Jan Peters has extension 121.", 1, "Phones"),
    ("Reception: 100", 1, "Phones"),
    ("Priya Nair has extension 120.", 3, "Priya"),
    ("The Telekom line has 500/100 Mbit/s.", 3, "Telekom"),
    ("The internet line costs 99.95 EUR a month.", 3, "99,95"),
    ("Telekom customer number: 5512345678", 1, "5512345678"),
    ("The firewall's UI is at https://fw.nordwind.example:10443.", 1, "10443"),
    ("SSL VPN listens on port 10444.", 2, "10444"),
    ("ATLAS is the Hyper-V host at 10.20.1.5 (iDRAC 10.20.1.6).", 2, "ATLAS"),
    ("The certificate of fw.nordwind.example is valid until 2028-03-14.", 3, "Certificate"),
    ("The certificate for the firewall expires on 14.03.2028.", 3, "Certificate"),
    ("NORD-RDS01 was decommissioned in March 2026.", 3, "Decommissioned"),
    (
        "The Chrome policy is in HKEY_LOCAL_MACHINE\\SOFTWARE\\Policies\\Google\\Chrome, set by commit 4f2c9d1.",
        2,
        "Commit",
    ),
    ("NORD-DC02.nordwind.local has the address 10.20.1.12.", 0, ""),
    ("The quote 2026-118 is $4,500.", 1, "quote"),
    ("All servers run Windows Server 2019 or later with BitLocker (AES-256) and TLS 1.2.", 0, ""),
    ("Pending: move the printers to VLAN 50.", 1, "VLAN 50"),
    ("The gateway of the LAN is 10.20.1.1, the NAS is 10.20.1.20.", 0, ""),
    ("### NORD-FS01\n\n- Address: 10.20.1.11\n- Serial: CZJ1234ABD", 0, ""),
]
FALSE: list[tuple[str, int, str]] = [
    ("The firewall FW-NORD01 runs firmware 7.2.5.", 1, "FortiGate"),
    ("NORD-DC01 is at 10.20.1.11.", 1, "| NORD-FS01"),
    ("NORD-FS01 has the MAC 00:15:5D:01:0A:10.", 1, "| NORD-DC01"),
    ("Backups start at 01:30.", 1, "DSM"),
    ("Backups run at 1:30 am.", 0, ""),
    ("Backups are kept for 30 days.", 1, "DSM"),
    ("The retention is 30 days.", 2, "45"),
    ("Guests are in VLAN 40.", 1, "VLAN 10"),
    ("The phone VLAN is 30.", 1, "VLAN 10"),
    ("Printers are in VLAN 50.", 1, "VLAN 50"),
    ("NORD-SW01 has the serial S124EN5919001122.", 1, "| NORD-SW01"),
    ("NORD-RDS01 is at 10.20.1.15.", 2, "RDS01"),
    ("Remote desktops: NORD-RDS01, RDP on port 3390.", 2, "RDS01"),
    ("Zoe Hartmann has extension 120.", 1, "Phones"),
    ("Jan Peters has extension 120.", 1, "Phones"),
    ("Reception has extension 121.", 1, "Phones"),
    ("The Telekom line has 250/40 Mbit/s.", 1, "Telekom"),
    ("The Telekom line costs 89,95 € per month.", 1, "Telekom"),
    ("DHCP scope: 10.20.1.100-10.20.1.199", 1, "Scope"),
    ("The certificate of fw.nordwind.example is valid until 14 March 2027.", 3, "Certificate"),
    ("SSL VPN listens on port 443.", 2, "10444"),
    ("ATLAS is at 10.20.1.6.", 2, "ATLAS"),
    ("The iDRAC of ATLAS is 10.20.1.5.", 2, "ATLAS"),
    ("The SSL VPN listens on port 48211.", 1, "48211"),
    ("The jump host is MIKE-LT04.", 1, "MIKE"),
    ("NORD-FS01 is at 10.20.1.20.", 1, "DSM"),
    ("The tenant ID is 8b1f2a3c-1111-4222-8333-9a9b9c9d9e90.", 1, "tenant"),
    ("The GPO was set by commit 4f2c9d2.", 2, "Commit"),
    ("The shares are in D:\\Shares\\Daten.", 1, "Daten"),
    ("NORD-DC02 is at 10.20.1.10.", 0, ""),
    ("The firewall's UI is at https://fw.nordwind.example:10444/.", 1, "10443"),
    ("The lease time is 24 hours.", 1, "Scope"),
    ("The quote is $4,050.", 1, "quote"),
    ("NORD-NAS01 runs DSM 7.2-64570.", 1, "DSM"),
    ("Domain controller: NORD-FS01", 1, "domain"),
    ("The WAN gateway is 10.20.1.1.", 1, "WAN"),
    ("The file server is NORD-NAS01.", 1, "DSM"),
    ("The customer number at Telekom is 8877120.", 1, "5512345678"),
    ("The NAS is at 10.20.1.11.", 1, "DSM"),
    ("### NORD-DC01\n\n- Address: 10.20.1.11", 0, ""),
]
