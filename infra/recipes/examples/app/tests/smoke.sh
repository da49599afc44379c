set -u
systemctl is-enabled orders
grep -q "port ${KILN_PORT}" files/orders.service
