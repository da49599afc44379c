set -u
useradd --system --home-dir /srv/orders orders
install -d -o orders /srv/orders
echo "unpacking orders ${KILN_VERSION}, for port ${KILN_PORT}"
mkdir -p unpacked && tar -xzf "fetched/orders-${KILN_VERSION}.tar.gz" -C unpacked
install -m 0755 unpacked/orders /srv/orders/orders
install -m 0644 files/orders.service /etc/systemd/system/orders.service
systemctl enable orders
