with figure_count as materialized (select place.unit_id, place.parent_id, sum(n0)::bigint as n0, sum(n1)::bigint as n1, sum(n2)::bigint as n2
  from (select t3.city_id, t3.county_id, t3.township_id, t3.village_id, count(*) filter (where t3.state = any($4::text[])) as n0, count(*) filter (where true) as n1, count(*) filter (where t3.state = any($5::text[])) as n2
    from issue t3
    where t3.city_id = $3::bigint
    and (t3.handed_over_at is not null)
    and (t3.state = 'DISMISSED') is not true group by t3.city_id, t3.county_id, t3.township_id, t3.village_id) counted cross join lateral (values (city_id, null::bigint), (county_id, city_id), (township_id, county_id), (village_id, township_id)) place(unit_id, parent_id)
  where place.unit_id is not null
  or place.parent_id is not null group by 1, 2), figure_cell as (select id as unit_id, unit.parent_id, city_id, county_id, township_id, village_id, coalesce(n0, 0) as n0, coalesce(n1, 0) as n1, coalesce(n2, 0) as n2
  from unit
  left join figure_count on unit_id = id
  where unit.parent_id is null
  or unit.parent_id in (select unit_id
    from figure_count
    where unit_id is not null)
  union all select unit_id, parent_id, null, null, null, null, n0, n1, n2
  from figure_count
  where unit_id is null), figure_flag as materialized (select *, bool_or(n1 > 0
    and n1 < 5) over siblings
  and (n1 < 5
    or row_number() over (partition by parent_id, n1 >= 5
      order by n1, unit_id nulls first) = 1) as h0, bool_or(n0 > 0
    and n0 < 5) over siblings
  and (n0 < 5
    or row_number() over (partition by parent_id, n0 >= 5
      order by n0, unit_id nulls first) = 1) as h1, bool_or(n2 > 0
    and n2 < 5) over siblings
  and (n2 < 5
    or row_number() over (partition by parent_id, n2 >= 5
      order by n2, unit_id nulls first) = 1) as h2, bool_or(n1 - n0 - n2 > 0
    and n1 - n0 - n2 < 5) over siblings
  and (n1 - n0 - n2 < 5
    or row_number() over (partition by parent_id, n1 - n0 - n2 >= 5
      order by n1 - n0 - n2, unit_id nulls first) = 1) as h3
  from figure_cell window siblings as (partition by parent_id)), figure as materialized (select own.unit_id, case
  when (own.h0
    or own.h1
    or own.h2
    or own.h3) is true
  or (city_id.h0
    or city_id.h1
    or city_id.h2
    or city_id.h3) is true
  or (county_id.h0
    or county_id.h1
    or county_id.h2
    or county_id.h3) is true
  or (township_id.h0
    or township_id.h1
    or township_id.h2
    or township_id.h3) is true then null
  else own.n0 end as n0, case
  when (own.h0) is true
  or (city_id.h0) is true
  or (county_id.h0) is true
  or (township_id.h0) is true then null
  else own.n1 end as n1, case
  when (own.h0
    or own.h1
    or own.h2
    or own.h3) is true
  or (city_id.h0
    or city_id.h1
    or city_id.h2
    or city_id.h3) is true
  or (county_id.h0
    or county_id.h1
    or county_id.h2
    or county_id.h3) is true
  or (township_id.h0
    or township_id.h1
    or township_id.h2
    or township_id.h3) is true then null
  else own.n2 end as n2, num_nonnulls(own.city_id, own.county_id, own.township_id, own.village_id) as depth
  from figure_flag own
  left join figure_flag city_id on city_id.unit_id = own.city_id
  left join figure_flag county_id on county_id.unit_id = own.county_id
  left join figure_flag township_id on township_id.unit_id = own.township_id
  where own.unit_id is not null) select convert_to('{"city":'
  || coalesce((select '{"name":'
      || (to_json(t1.name)::text)
      || ',"metrics":'
      || (select '{"rectificationRate":{"numerator":'
        || coalesce((figure.n0 * (figure.unit_id = t1.id)::int)::text, 'null')
        || ',"denominator":'
        || coalesce((figure.n1 * (figure.unit_id = t1.id)::int)::text, 'null')
        || '}}'
        from (select *
          from figure
          where unit_id in (t1.city_id, t1.county_id, t1.township_id, t1.village_id)
          order by depth desc
          limit 1) figure)
      || ',"issues":{"totalCount":'
      || (select (select count(*)
          from issue t4
          where false)
        || ',"nodes":['
        || coalesce(string_agg('{"number":'
            || (to_json(t4.number)::text)
            || '}', ','
            order by t4.reported_at desc, t4.id desc), '')
        from (select t4.*
          from issue t4
          where false
          order by t4.reported_at desc, t4.id desc
          limit 50) t4
        having true)
      || ']},"counties":{"nodes":['
      || (select coalesce(string_agg('{"name":'
            || (to_json(t5.name)::text)
            || ',"metrics":'
            || (select '{"underWay":{"numerator":'
              || coalesce((figure.n2 * (figure.unit_id = t5.id)::int)::text, 'null')
              || '}}'
              from (select *
                from figure
                where unit_id in (t5.city_id, t5.county_id, t5.township_id, t5.village_id)
                order by depth desc
                limit 1) figure)
            || '}', ','
            order by t5.code), '')
        from (select t5.*
          from unit t5
          where t5.city_id = t1.id
          and t5.city_id = $2::bigint
          and t5.level = 'COUNTY'
          order by t5.code
          limit 50) t5
        having true)
      || ']},"cadres":{"totalCount":'
      || (select count(*)
        from cadre t7
        where false)
      || '}}'
      from unit t1
      where t1.id = $1::bigint
      and t1.city_id = $2::bigint
      and t1.level = 'CITY'), 'null')
  || '}', 'UTF8')
-- $1 = 1
-- $2 = 1
-- $3 = 1
-- $4 = ['RECTIFIED', 'CLOSED']
-- $5 = ['ASSIGNED', 'RECTIFYING', 'FEEDBACK']
