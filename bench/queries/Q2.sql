select '{"data":{"city":{"id":"Unit:' || city.id || '","code":"' || city.code || '","name":' || to_json(city.name)::text
    || ',"counties":{"nodes":' || coalesce((
        select '[' || string_agg('{"id":"Unit:' || c.id || '","code":"' || c.code || '","name":' || to_json(c.name)::text
            || ',"townships":{"nodes":' || coalesce((
                select '[' || string_agg('{"id":"Unit:' || t.id || '","code":"' || t.code || '","name":'
                    || to_json(t.name)::text || ',"villages":{"nodes":' || coalesce((
                        select '[' || string_agg('{"id":"Unit:' || v.id || '","code":"' || v.code || '","name":'
                            || to_json(v.name)::text || '}', ',' order by v.code) || ']'
                        from unit v where v.township_id = t.id and v.level = 'VILLAGE'), '[]')
                    || '}}', ',' order by t.code) || ']'
                from unit t where t.county_id = c.id and t.level = 'TOWNSHIP'), '[]')
            || '}}', ',' order by c.code) || ']'
        from unit c where c.city_id = city.id and c.level = 'COUNTY'), '[]')
    || '}}}}'
from unit city where city.level = 'CITY'
